package goprobe

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"hotgate/goprobe/internal/signals"
)

// reloadSignal is the signal that makes the service update itself.
type reloadSignal struct {
	mu     sync.Mutex
	signal os.Signal // nil before OnReload
	quit   chan struct{}
	events chan os.Signal

	// held is the signal that the image before declared, until OnReload: it is caught, and does nothing.
	held   syscall.Signal
	caught chan os.Signal
}

// OnReload calls f for each sig that the process gets, one at a time, in a goroutine of its own; signals that come while f
// runs are one. Status reports whether the signal is handled. A service passes what starts its Upgrade.
//
// A signal that comes while the images change is lost, and does no harm: Exec ignores it from right before the system
// call, which the new program inherits; Start catches it; and from OnReload on it counts again.
func (p *Probe) OnReload(sig os.Signal, f func()) {
	r := &p.reload
	r.stop()
	if p.Trial() || p.Canary() || p.stopped.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	quit, events := make(chan struct{}), make(chan os.Signal, 1)
	r.signal, r.quit, r.events = sig, quit, events
	signal.Notify(events, sig)
	r.letGo()
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

// hold catches the signal that the image before declared and ignored. The runtime has a handler for most signals from
// the start, but leaves an inherited SIGHUP or SIGINT ignored until os/signal asks for it.
func (r *reloadSignal) hold(sig syscall.Signal) {
	if sig == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held, r.caught = sig, make(chan os.Signal, 1)
	signal.Notify(r.caught, sig)
}

func (r *reloadSignal) letGo() {
	if r.caught != nil {
		signal.Stop(r.caught)
		r.held, r.caught = 0, nil
	}
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

// end stops, and releases a signal without an OnReload.
func (r *reloadSignal) end() {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letGo()
}

// number is the signal that makes this image update itself, or made the one before; 0 for none.
func (r *reloadSignal) number() syscall.Signal {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sig, ok := r.signal.(syscall.Signal); ok {
		return sig
	}
	return r.held
}

func (r *reloadSignal) wire() Reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signal == nil {
		return Reload{}
	}
	name := r.signal.String()
	if number, ok := r.signal.(syscall.Signal); ok {
		name = signals.Name(number)
	}
	// signal.Ignore and signal.Reset take the handler off without our knowing; the first shows.
	return Reload{Declared: true, Signal: name, Handled: !signal.Ignored(r.signal)}
}
