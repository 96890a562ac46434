package goprobe

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/guard"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/image"
	"hotgate/goprobe/internal/native"
	"hotgate/goprobe/internal/proc"
	"hotgate/goprobe/internal/profile"
)

// Probe watches the image that it was started in. All methods may be called from any goroutine.
type Probe struct {
	options Options
	image   Image
	from    *handover.Received // what the image before handed over; nil for none

	listeners listenerSet
	servers   serverSet
	graceful  gracefulSet
	resources gaugeSet
	work      gaugeSet
	states    stateSet
	conns     connSet
	packets   packetSet
	reload    reloadSignal

	profiler  profile.Lock
	beat      *collector
	native    *native.Thread
	threads   proc.Threads
	health    healthMemory
	markState *image.MarkFlag

	meter   canary.Meter
	beside  *beside                   // nil unless this is a canary
	current atomic.Pointer[canaryRun] // the last canary that this image started

	promoted *CanaryStatus // of the canary that led to this image; nil without one

	update updateState
	guard  *guard.Guard
	cgo    guard.Memory[Cgo]
	dumps  guard.Duty // of pprof's profiles

	own     []*http.Server // endpoints served by ServeEndpoints
	ownMu   sync.Mutex
	stopped atomic.Bool
	stop    sync.Once
	done    chan struct{}
}

// Start starts a probe in this process: its collector, and its OS thread where it is built with cgo. It takes what an
// image before this one handed over out of the environment, so that no child inherits it. The probe stops with ctx, or
// by Stop.
//
// A service calls it first, then RegisterState and Listen, then Ready, and serves after that.
func Start(ctx context.Context, options Options) (*Probe, error) {
	options, err := options.filled()
	if err != nil {
		return nil, err
	}
	from, err := handover.Receive(options.StateLimit)
	if err != nil {
		return nil, &StateError{Op: "receive", Err: err}
	}
	own, err := newImage(from)
	if err != nil {
		from.Close()
		return nil, err
	}
	p := &Probe{
		options: options, image: own, from: from,
		guard: guard.New(options.Token), done: make(chan struct{}),
	}
	p.update.enter(stateServing)
	p.promoted = promotedBy(from)
	p.conns.init(options.Logger)
	if err := p.conns.offer(from); err != nil {
		from.Close()
		return nil, &StateError{Op: "receive", Err: err}
	}
	p.listeners.offer(from)
	p.packets.offer(from)
	p.work.put(&gauge{name: "http requests", drained: true, ask: func() int64 { return p.servers.active(true) }})
	p.markState = image.FindMarkFlag()
	if from.IsTrial() {
		p.update.enter(stateTrial)
		p.beat = newCollector(p, false)
		return p, nil
	}
	if from.IsCanary() {
		p.update.enter(stateTrial) // it is not replaced
		if p.beside, err = newBeside(p, from); err != nil {
			from.Close()
			return nil, &StateError{Op: "receive", Err: err}
		}
	} else if from != nil {
		p.reload.hold(from.Reload)
	}
	p.native = native.Start()
	p.beat = newCollector(p, !options.NoHeartbeat && !p.Canary())
	p.beat.start()
	if ctx.Done() != nil {
		go func() {
			select {
			case <-ctx.Done():
				p.Stop()
			case <-p.done:
			}
		}()
	}
	options.Logger.Info("goprobe started", "epoch", own.Epoch, "generation", own.Generation, "planned", own.Planned)
	return p, nil
}

// Stop ends the collector and the probe's thread, and closes what ServeEndpoints opened. The service's own listeners stay
// open, but are not handed over any more. Further calls do nothing.
func (p *Probe) Stop() {
	p.stop.Do(func() {
		p.stopped.Store(true)
		close(p.done)
		p.ownMu.Lock()
		for _, server := range p.own {
			_ = server.Close()
		}
		p.ownMu.Unlock()
		p.CancelExec()
		p.beat.stop()
		p.native.Stop()
		p.reload.end()
		p.listeners.release()
		p.packets.release()
		p.from.Close()
		if p.beside != nil {
			_ = p.beside.link.Close()
		}
	})
}

// Image tells the identity of the running image.
func (p *Probe) Image() Image { return p.image }

// Trial tells whether this process only tries whether the image comes up: it has no listeners, takes no heartbeat, and ends
// in Ready. A service asks it before it takes locks or talks to others.
func (p *Probe) Trial() bool { return p.from.IsTrial() }

// rest waits, but not for a probe that was stopped.
func (p *Probe) rest(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
}

func now() Moment {
	return Moment{Wall: stamp(time.Now()), MonotonicNS: clock.Monotonic()}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
