package goprobe

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// reloadSignal is the signal that makes the service update itself.
type reloadSignal struct {
	mu     sync.Mutex
	signal os.Signal
	quit   chan struct{}
	events chan os.Signal
}

// OnReload calls f for each sig that the process gets, one at a time, in a goroutine of its own; signals that come while f
// runs are one. Status reports whether the signal is handled. A service passes what starts its Upgrade.
func (p *Probe) OnReload(sig os.Signal, f func()) {
	r := &p.reload
	r.stop()
	if p.Trial() || p.stopped.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	quit, events := make(chan struct{}), make(chan os.Signal, 1)
	r.signal, r.quit, r.events = sig, quit, events
	signal.Notify(events, sig)
	go func() {
		for {
			select {
			case <-quit:
				return
			case <-events:
				f()
			}
		}
	}()
}

func (r *reloadSignal) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.quit != nil {
		signal.Stop(r.events)
		close(r.quit)
		r.quit, r.signal = nil, nil
	}
}

func (r *reloadSignal) wire() Reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signal == nil {
		return Reload{}
	}
	name := r.signal.String()
	if number, ok := r.signal.(syscall.Signal); ok {
		name = signalName(number)
	}
	// signal.Ignore and signal.Reset take the handler off without our knowing; the first shows.
	return Reload{Declared: true, Signal: name, Handled: !signal.Ignored(r.signal)}
}
