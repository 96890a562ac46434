package goprobe

import (
	"context"
	"fmt"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/proc"
)

type verdict struct {
	decision     CanaryDecision
	code, reason string
}

// waitReady waits until NEW serves.
func (r *canaryRun) waitReady(ctx context.Context, patience time.Duration) verdict {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.said:
	case <-r.gone:
		select {
		case <-r.said: // and ended right after
		default:
			r.mu.Lock()
			defer r.mu.Unlock()
			return verdict{CanaryEnd, CanaryNotReady, "it ended " + r.exit + " before it was ready" + orEmpty("; ", r.wrong)}
		}
	case <-timer.C:
		return verdict{CanaryEnd, CanaryNotReady, fmt.Sprintf("it did not get ready within %v", patience)}
	case <-ctx.Done():
		return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: " + ctx.Err().Error()}
	case <-r.p.done:
		return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: the probe was stopped"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	listens := 0
	for _, yes := range r.shared {
		if yes {
			listens++
		}
	}
	switch {
	case r.hello.Error != "":
		return verdict{CanaryEnd, CanaryNotReady, "it cannot serve: " + bounds.Cut(r.hello.Error)}
	case r.hello.Digest != r.digest:
		return verdict{CanaryEnd, CanaryNotReady, "it read another state than was handed over"}
	case listens == 0:
		return verdict{CanaryEnd, CanaryNotReady, "it listens on none of the listeners that are shared" +
			orEmpty(": it could not give back ", r.unreadable)}
	}
	r.base[false], r.base[true] = r.p.meter.Read(), r.report.Counts
	r.status.State, r.status.ReadyMonotonicNS = "running", clock.Monotonic()
	return verdict{decision: CanaryWait}
}

func orEmpty(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// watch waits until something is decided.
func (r *canaryRun) watch(ctx context.Context) verdict {
	begun := time.Now()
	every := judgeEvery
	if _, remote := r.o.Judge.(URLJudge); remote {
		every = time.Second
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	asked, looked := time.Time{}, begun
	warm := false
	for {
		select {
		case <-tick.C:
		case <-r.events:
		case <-ctx.Done():
			return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: " + ctx.Err().Error()}
		case <-r.p.done:
			return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: the probe was stopped"}
		}
		now := time.Now()
		step := min(now.Sub(looked), mostStep)
		looked = now
		if found := r.lifeSigns(step); found.decision != CanaryWait {
			return found
		}
		elapsed := time.Since(begun)
		r.mu.Lock()
		if !warm && elapsed >= r.o.Warmup {
			warm = true
			// Only NEW's: clients that all wait for it would leave nothing to compare with.
			r.warm[false], r.warm[true] = r.base[false], r.report.Counts
		}
		r.status.Over = elapsed >= r.o.For
		decided, judging := r.verdict, r.judging
		ask := !judging && time.Since(asked) >= every
		r.judging = judging || ask
		r.mu.Unlock()
		switch {
		case decided.decision == CanaryPromote, decided.decision == CanaryEnd, decided.decision == CanaryUndecided:
			return decided
		case elapsed >= r.o.For+judgePatience:
			return verdict{CanaryUndecided, CanaryNoDecision, fmt.Sprintf("its judge did not decide within %v after %v%s",
				judgePatience, r.o.For, orEmpty(": ", decided.reason))}
		}
		if ask {
			asked = time.Now()
			go r.ask(ctx)
		}
	}
}

// ask asks the judge once.
func (r *canaryRun) ask(ctx context.Context) {
	now := r.wire()
	found := verdict{decision: CanaryWait}
	var err error
	if own, ok := r.o.Judge.(CountsJudge); ok {
		found.decision, found.code, found.reason = own.decide(now)
	} else {
		err = safely(func() error {
			var err error
			found.decision, found.reason, err = r.o.Judge.Judge(ctx, now)
			return err
		})
		found.code, found.reason = CanaryByJudge, bounds.Cut(found.reason)
		if found.decision == CanaryUndecided {
			found.code = CanaryNoDecision
		}
		if found.reason == "" {
			found.reason = "its judge says " + string(found.decision)
		}
	}
	if err != nil {
		r.p.options.Logger.Warn("the canary's judge failed", "error", err)
		found = verdict{CanaryWait, "", bounds.Cut(err.Error())}
	}
	r.mu.Lock()
	r.verdict, r.judging = found, false
	r.mu.Unlock()
	r.signal()
}

// lifeSigns tells whether NEW has crashed, hangs, or takes too much memory. The step is for how long this image has been
// looking since the last time: a time for which it did not run itself says nothing of NEW.
func (r *canaryRun) lifeSigns(step time.Duration) verdict {
	select {
	case <-r.gone:
		r.mu.Lock()
		defer r.mu.Unlock()
		return verdict{CanaryEnd, CanaryCrashed, "it ended " + r.exit + orEmpty(": ", r.wrong)}
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	hung := func(what string, since time.Duration) verdict {
		return verdict{CanaryEnd, CanaryHung, fmt.Sprintf("it hangs: %s for %v", what, since.Round(time.Millisecond))}
	}
	if r.silent += step; r.silent > r.o.HangTimeout {
		return hung("it has said nothing", r.silent)
	}
	for _, one := range r.lent {
		if one.waited += step; one.waited > r.o.HangTimeout {
			return hung("it has not accepted a connection", one.waited)
		}
	}
	if memory, known := proc.Memory(r.command.Process.Pid); known && r.o.MemoryLimit > 0 && memory > r.o.MemoryLimit {
		return verdict{CanaryEnd, CanaryMemory,
			fmt.Sprintf("it takes %d MiB of memory, more than the %d that it may", memory>>20, r.o.MemoryLimit>>20)}
	}
	return verdict{decision: CanaryWait}
}

// end ends NEW's process, and takes back what it has not accepted. Where it may, NEW drains first.
func (r *canaryRun) end(found verdict) verdict {
	final := r.wire() // before anything changes
	r.mu.Lock()
	r.stopping = true
	r.status = final
	r.status.State, r.status.Decision, r.status.Code, r.status.Reason = "ending", string(found.decision), found.code, found.reason
	if found.decision == CanaryPromote {
		r.status.State = "promoting"
	}
	r.status.DecidedMonotonicNS = clock.Monotonic()
	ready := r.status.ReadyMonotonicNS != 0
	r.mu.Unlock()
	switch found.code {
	case CanaryCrashed, CanaryHung, CanaryMemory, CanaryNotReady:
		ready = false
	}
	if ready {
		r.waitDrained(&found)
	}
	if own, ok := r.o.Judge.(CountsJudge); ok && found.decision == CanaryPromote {
		found = r.judgeAgain(own, found)
	}
	r.kill()
	<-r.gone
	r.mu.Lock()
	r.shared = map[*Listener]bool{}
	for number, one := range r.lent {
		delete(r.lent, number)
		r.giveBack(one)
	}
	lost, err := r.back.adopt(r.p)
	if r.lost = lost; err != nil {
		r.p.options.Logger.Error("kept connections of the canary are lost", "number", lost, "error", err)
	}
	r.status.Code, r.status.Reason, r.status.Decision = found.code, found.reason, string(found.decision)
	r.status.EndedMonotonicNS = clock.Monotonic()
	if found.decision != CanaryPromote {
		r.status.State = "ended"
	}
	r.mu.Unlock()
	r.guests.close()
	r.settle()
	return found
}

// judgeAgain holds what NEW did while it drained against it.
func (r *canaryRun) judgeAgain(judge CountsJudge, found verdict) verdict {
	own := r.p.meter.Read()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.status
	r.measure(&now, own)
	now.Over = false // whether there were enough was judged already
	if decision, code, reason := judge.decide(now); decision == CanaryEnd {
		r.status.Old, r.status.New, r.status.Rules = now.Old, now.New, judge.Rules(now)
		return verdict{decision, code, "while it drained: " + reason}
	}
	return found
}

// waitDrained lets NEW drain, for as long as it may take.
func (r *canaryRun) waitDrained(found *verdict) {
	o := r.drain
	err := r.link.Say(canary.KindDrain, canary.DrainOrder(o))
	patience := time.NewTimer(o.Announce + o.Linger + o.Timeout + o.Graceful + partingPatience)
	defer patience.Stop()
	if err == nil {
		select {
		case <-r.drained:
			return
		case <-r.gone:
			select {
			case <-r.drained:
				return
			default:
			}
			if found.decision == CanaryPromote {
				r.mu.Lock()
				*found = verdict{CanaryEnd, CanaryCrashed, "it was good, and ended " + r.exit + " while it drained" + orEmpty(": ", r.wrong)}
				r.mu.Unlock()
			}
			return
		case <-patience.C:
		case <-r.p.done:
		}
	}
	if found.decision == CanaryPromote {
		*found = verdict{CanaryUndecided, CanaryNotDrained, "it was good, and did not drain in time; what it served then was cut"}
	}
}

// settle waits until the connections that were given back are accepted.
func (r *canaryRun) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), canaryGivenBack)
	defer cancel()
	for _, l := range r.p.listeners.all() {
		for l.hasBack() && !l.isClosed() {
			if wait(ctx, time.Millisecond) != nil {
				return
			}
		}
	}
}

const (
	slowTimes    = 2
	slowQuantile = 0.99
	slowFloor    = 2 * time.Millisecond
	slowRequests = 100 // that tell what is slow

	mostStep = 200 * time.Millisecond // between two looks, that count for a hang
)
