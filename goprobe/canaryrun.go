package goprobe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/proc"
)

// canaryRun is a canary as the old image has it.
type canaryRun struct {
	p       *Probe
	o       CanaryOptions
	drain   DrainOptions
	digest  string
	chooser *canary.Chooser
	link    *canary.Link
	command *exec.Cmd
	events  chan struct{} // something may have changed
	gone    chan struct{} // closed when all that NEW said was read, and its process has ended
	said    chan struct{} // closed when NEW said how its start went
	drained chan struct{} // closed when it said that it has drained
	guests  *guests       // connections on which NEW asks the endpoints

	killing sync.Mutex
	reaped  bool // its process has been waited for, and its number may be another's

	mu     sync.Mutex
	status CanaryStatus
	hello  canary.Hello
	wrong  string // what was wrong with what NEW said
	// unreadable are kept connections that NEW could not give back; the listeners that they come from are not shared.
	unreadable string
	shared     map[*Listener]bool     // that NEW listens on, too
	lent       map[uint64]*lent       // that NEW's service has not accepted
	back       givenBack              // kept connections that NEW gives back
	number     uint64                 // of the last connection that was passed
	taken      int64                  // that NEW's service accepted
	report     canary.Report          // the last
	silent     time.Duration          // since it came
	stopping   bool                   // no connection is passed any more
	exit       string                 // how the process ended
	lost       int                    // kept connections that were given back and could not be served
	base       map[bool]canary.Counts // when NEW was ready, by whether it is NEW's
	warm       map[bool]canary.Counts // after the warm-up
	judging    bool
	verdict    verdict
}

// runCanary lets the new image serve beside this one until it is decided what becomes of it; nil means that it is to take
// this one's place. Its process has ended then.
func (p *Probe) runCanary(ctx context.Context, program *program, o UpgradeOptions) error {
	memory, _ := proc.Memory(os.Getpid())
	options, err := o.Canary.filled(memory)
	if err != nil {
		return err
	}
	if !p.update.move(stateCanary, stateServing, stateFailed) {
		return ErrBusy
	}
	run, err := p.startCanary(program, o, options)
	var state *StateError
	if errors.As(err, &state) {
		return err
	} else if err != nil {
		reason := "it could not be started: " + err.Error()
		status := CanaryStatus{State: "ended", Decision: string(CanaryEnd), Code: CanaryNotReady, Reason: reason}
		return &CanaryError{Path: program.path, Status: status}
	}
	patience := o.TrialTimeout
	if patience <= 0 {
		patience = defaultTrialTimeout
	}
	found := run.waitReady(ctx, patience)
	if found.decision == CanaryWait {
		p.options.Logger.Info("canary serves", "path", program.path, "share", options.Share, "pid", run.command.Process.Pid)
		p.listeners.canary.Store(run)
		found = run.watch(ctx)
		p.listeners.canary.Store(nil)
	}
	found = run.end(found)
	status := run.wire()
	if found.decision == CanaryPromote {
		p.options.Logger.Info("canary was good", "path", program.path, "reason", found.reason)
		return nil
	}
	p.options.Logger.Error("canary ended, serving on", "path", program.path, "code", found.code, "reason", found.reason)
	return &CanaryError{Path: program.path, Status: status}
}

// startCanary starts the new image beside this one; the caller ends it.
func (p *Probe) startCanary(program *program, o UpgradeOptions, options CanaryOptions) (*canaryRun, error) {
	shared, offered := p.shareable()
	file, handed, err := p.writeHandover(false, offered...)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	link, other, err := canary.Pair()
	if err != nil {
		return nil, err
	}
	defer other.Close()
	run := &canaryRun{
		p: p, o: options, drain: o.Drain.filled(), digest: handover.DigestOf(&handed.manifest), link: link,
		chooser: canary.NewChooser(options.Share), events: make(chan struct{}, 1), gone: make(chan struct{}),
		said: make(chan struct{}), drained: make(chan struct{}), guests: newGuests(),
		shared: map[*Listener]bool{}, lent: map[uint64]*lent{},
		base: map[bool]canary.Counts{}, warm: map[bool]canary.Counts{},
		status: CanaryStatus{
			State: "starting", Decision: string(CanaryWait), Share: options.Share, ForNS: int64(options.For),
			StartedAt: stamp(time.Now()), StartedMonotonicNS: clock.Monotonic(), Path: bounds.Cut(program.path), Rules: []CanaryRule{},
		},
	}
	if err := program.unchanged(); err != nil {
		_ = link.Close()
		return nil, err
	}
	command := exec.Command(program.path)
	if command.Args = o.Argv; command.Args == nil {
		command.Args = os.Args
	}
	environment := o.Env
	if environment == nil {
		environment = os.Environ()
	}
	variable := fmt.Sprintf("%s=1 pid=%d fd=3 canary=4", handover.Variable, os.Getpid())
	command.Env = append(handover.WithVariables(environment, variable, nil), handover.TrialVariable+"=1")
	command.ExtraFiles = []*os.File{file, other}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as in a trial
	if err := command.Start(); err != nil {
		_ = link.Close()
		return nil, err
	}
	proc.TakeFirst(command.Process.Pid)
	run.command, run.status.PID = command, command.Process.Pid
	for _, l := range shared {
		run.shared[l] = false // until NEW says that it listens, too
	}
	p.current.Store(run)
	go run.read()
	go run.guests.serve(p)
	return run, nil
}

// shareable are the listeners whose connections NEW may get.
func (p *Probe) shareable() ([]*Listener, []handover.Listener) {
	list, rows := []*Listener{}, []handover.Listener{}
	for _, l := range p.listeners.all() {
		if l.endpoints || l.isClosed() {
			continue
		}
		list = append(list, l)
		rows = append(rows, handover.Listener{Name: l.name, Network: l.Addr().Network(), Address: l.Addr().String()})
	}
	return list, rows
}
