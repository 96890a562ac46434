package goprobe

import (
	"context"
	"fmt"
	"time"

	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/native"
)

// prepareTimeout is PrepareExec's deadline for a context without one.
const prepareTimeout = 5 * time.Second

// PrepareExec makes the process fit for exec, or refuses with a NotReadyError. It ends the heartbeat's window and waits,
// until the context's deadline or for 5 s, until the loops of kept connections have stopped between two messages, no thread
// is in a C call, tracked resources are 0 or handed over, work in flight is at its limits, no CPU profile runs, and the last
// window is in HeartbeatDir. On success ITIMER_PROF is disarmed, read back, and until Exec or CancelExec nobody can start a
// CPU profile, and no kept connection is served.
func (p *Probe) PrepareExec(ctx context.Context) error {
	if !p.update.claim() {
		return ErrBusy
	}
	defer p.update.release()
	return p.prepare(ctx)
}

func (p *Probe) prepare(ctx context.Context) error {
	if p.stopped.Load() {
		return ErrStopped
	}
	if p.update.is(statePrepared) {
		return nil
	}
	if !p.update.move(statePreparing, stateServing, stateFailed, stateDraining) {
		return ErrBusy
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, prepareTimeout)
		defer cancel()
	}
	if p.beat.pause(ctx) != nil {
		reasons := []Reason{{ReasonCannotTell, "heartbeat", "the heartbeat's profile did not stop in time"}}
		p.update.refuse(reasons)
		p.beat.resume()
		return &NotReadyError{reasons}
	}
	p.packets.setPaused(true)
	reasons := p.conns.freeze(ctx)
	for stopped := len(reasons) == 0; stopped; {
		reasons = p.obstacles()
		if len(reasons) == 0 {
			reasons = p.holdProfiler()
		}
		if len(reasons) == 0 {
			p.update.enter(statePrepared)
			return nil
		}
		stopped = wait(ctx, 10*time.Millisecond) == nil
	}
	p.update.refuse(reasons)
	p.goOn()
	return &NotReadyError{reasons}
}

// CancelExec takes back a PrepareExec that no Exec followed.
func (p *Probe) CancelExec() {
	if !p.update.claim() {
		return // an Exec or Upgrade is under way, and takes it back by itself
	}
	defer p.update.release()
	if p.update.move(stateServing, statePrepared) {
		p.profiler.LetGo()
		p.goOn()
	}
}

// goOn takes back what prepare stopped.
func (p *Probe) goOn() {
	p.beat.resume()
	p.conns.thaw(p.listeners.isPaused())
	p.packets.setPaused(false)
}

// obstacles lists what exec would lose now, the profile apart.
func (p *Probe) obstacles() []Reason {
	reasons := p.beat.obstacle()
	if native.Built {
		calls := native.FindCalls()
		for _, row := range calls.Rows {
			reasons = append(reasons, Reason{ReasonCCalls, row.Caller,
				fmt.Sprintf("%d thread(s) in a C call: %s from %s", row.Count, orUnknown(row.CFunction), row.Caller)})
		}
		if !calls.Known || calls.Skipped > 0 {
			reasons = append(reasons, Reason{ReasonCannotTell, "C calls", "not all goroutines could be looked at for C calls"})
		}
	}
	for _, r := range p.resources.read() {
		switch {
		case r.state != "ok":
			reasons = append(reasons, unreadable(r))
		case r.count != 0 && !r.handover:
			reasons = append(reasons, Reason{ReasonResources, r.name,
				fmt.Sprintf("%d of %q would be lost: no hand-over is registered", r.count, r.name)})
		}
	}
	for _, r := range p.work.read() {
		switch {
		case r.state != "ok":
			reasons = append(reasons, unreadable(r))
		case r.count > r.limit:
			reasons = append(reasons, Reason{ReasonInFlight, r.name,
				fmt.Sprintf("%d of %q in flight, at most %d may be", r.count, r.name, r.limit)})
		}
	}
	return reasons
}

func unreadable(r reading) Reason {
	return Reason{ReasonCannotTell, r.name, fmt.Sprintf("%q could not be asked: %s", r.name, r.state)}
}

func orUnknown(name string) string {
	if name == "" {
		return "a C function"
	}
	return name
}

// goProfileInterval is how often the timer of a profile that runtime/pprof started fires.
const goProfileInterval = 1_000_000 / profileRate

// holdProfiler takes the CPU profiler and makes sure that its timer is off. The timer is read before, too: taking the
// profiler would disarm one that was armed outside the Go runtime.
func (p *Probe) holdProfiler() []Reason {
	timer := clock.ProfilingTimer()
	if timer.Armed && timer.IntervalUS != goProfileInterval {
		return []Reason{armed(timer)}
	}
	if timer.Armed || p.profiler.Hold() != nil {
		return []Reason{{ReasonProfileRunning, "CPU profiler",
			"a CPU profile that is not the probe's is running: its timer would survive exec"}}
	}
	if timer := clock.ProfilingTimer(); timer.Armed {
		p.profiler.LetGo()
		return []Reason{armed(timer)}
	}
	return nil
}

func armed(timer clock.Timer) Reason {
	return Reason{ReasonTimerArmed, "ITIMER_PROF",
		fmt.Sprintf("ITIMER_PROF is armed, not by the probe, with an interval of %d us, and would survive exec", timer.IntervalUS)}
}
