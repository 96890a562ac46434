package goprobe

import (
	"context"
	"time"

	"hotgate/goprobe/internal/handover"
)

// UpgradeOptions say what to execute and how long to wait; the zero value runs the program's own path again.
type UpgradeOptions struct {
	Path string   // as in Exec
	Argv []string // as in Exec
	Env  []string // as in Exec

	// TrialTimeout is how long the new image may take to get ready in a trial; 10 s unless set.
	TrialTimeout time.Duration
	// NoTrial leaves both trials out. An image that crashes, hangs or cannot read the state is then found out when the old
	// one is gone.
	NoTrial bool

	// Canary lets the new image serve a share of the connections first, beside the old one.
	Canary CanaryOptions

	Drain DrainOptions
	// PrepareTimeout is PrepareExec's deadline; 5 s unless set.
	PrepareTimeout time.Duration

	// Pause stops work that the probe does not know of, such as consumers of a queue, after the servers were drained.
	// Resume starts it again if the upgrade fails after that.
	Pause  func(context.Context) error
	Resume func()
}

// Upgrade replaces the running image without losing a request, or leaves it serving:
//
//  1. the new image is tried in a child process with the state as it is now;
//  2. if Canary is set, it serves a share of the connections in a child process, until its judge promotes it;
//  3. answers announce that their connections end; then new connections wait in the kernel's queue, on every listener of
//     the probe but that of ServeEndpoints, and the open ones end;
//  4. PrepareExec, which stops the loops of kept connections between two messages;
//  5. the new image is tried again with the states and sessions that are handed over, now that nothing changes them any more;
//  6. Exec.
//
// It returns only if it failed; whatever the step, the old image then serves on.
func (p *Probe) Upgrade(ctx context.Context, o UpgradeOptions) error {
	err := p.upgrade(ctx, o)
	p.canaryFailed(err)
	return err
}

func (p *Probe) upgrade(ctx context.Context, o UpgradeOptions) error {
	if p.stopped.Load() {
		return ErrStopped
	}
	if p.Trial() || p.Canary() || !p.update.claim() {
		return ErrBusy
	}
	defer p.update.release()
	program, err := findProgram(o.Path)
	if err != nil {
		p.update.refuse(nil)
		return err
	}
	if reasons := p.strangers(); len(reasons) > 0 {
		p.update.refuse(reasons)
		return &NotReadyError{reasons}
	}
	if err := p.tryState(ctx, program, o); err != nil {
		p.failed(err)
		return err
	}
	if o.Canary.Share != 0 {
		if err := p.runCanary(ctx, program, o); err != nil {
			p.failed(err)
			return err
		}
	}
	if !p.update.move(stateDraining, stateServing, stateFailed, stateCanary) {
		return ErrBusy
	}
	defer p.undrain()
	if err := p.drain(ctx, o.Drain); err != nil {
		p.failed(err)
		return err
	}
	if o.Pause != nil {
		if o.Resume != nil {
			defer o.Resume()
		}
		if err := o.Pause(ctx); err != nil {
			p.failed(err)
			return err
		}
	}
	err = p.finish(ctx, program, o)
	p.options.Logger.Error("upgrade failed, serving on", "path", program.path, "error", err)
	return err
}

// finish is what happens once nothing changes the state any more.
func (p *Probe) finish(ctx context.Context, program *program, o UpgradeOptions) error {
	timeout := o.PrepareTimeout
	if timeout <= 0 {
		timeout = prepareTimeout
	}
	patience, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := p.prepare(patience); err != nil {
		return err
	}
	file, handed, err := p.writeHandover(true)
	if err == nil {
		defer file.Close()
		err = p.try(ctx, program, o, handed)
	}
	if err == nil {
		if reasons := p.obstacles(); len(reasons) > 0 {
			err = &NotReadyError{reasons}
		}
	}
	if err == nil {
		err = p.replace(program, handed, o.Argv, o.Env)
	}
	p.backOut(err)
	return err
}

// tryState tries the new image with a snapshot of the state, while the service goes on.
func (p *Probe) tryState(ctx context.Context, program *program, o UpgradeOptions) error {
	if o.NoTrial {
		return nil
	}
	file, handed, err := p.writeHandover(false)
	if err != nil {
		return err
	}
	defer file.Close()
	return p.try(ctx, program, o, handed)
}

func (p *Probe) try(ctx context.Context, program *program, o UpgradeOptions, handed *handed) error {
	if o.NoTrial {
		return nil
	}
	return trial{
		program: program, argv: o.Argv, env: o.Env, timeout: o.TrialTimeout, file: handed.file,
		digest: handover.DigestOf(&handed.manifest),
	}.run(ctx)
}

// failed records an attempt that ended before PrepareExec.
func (p *Probe) failed(err error) {
	p.update.refuse(reasonsOf(err))
}
