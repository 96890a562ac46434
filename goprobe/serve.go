package goprobe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"

	"hotgate/goprobe/internal/bounds"
)

type serverSet struct {
	mu      sync.Mutex
	list    []*served
	handled bool // Handle was called
}

type served struct {
	*drainer
	listener net.Listener
}

// Serve runs server on the listener like its own Serve does. The probe counts its requests as work in flight, and Upgrade
// drains it. The listener is one of Listen's, or wraps one and gives its Addr, as those of crypto/tls do: Upgrade refuses
// while another is served, because its socket would not be handed over.
func (p *Probe) Serve(listener net.Listener, server *http.Server) error {
	return p.serve(listener, server, func() error { return server.Serve(listener) })
}

// ServeTLS is Serve like the server's own ServeTLS.
func (p *Probe) ServeTLS(listener net.Listener, server *http.Server, certFile, keyFile string) error {
	return p.serve(listener, server, func() error { return server.ServeTLS(listener, certFile, keyFile) })
}

func (p *Probe) serve(listener net.Listener, server *http.Server, run func() error) error {
	one := &served{drainerOf(server, true), listener}
	p.servers.add(one)
	defer p.servers.remove(one)
	return run()
}

// Handle counts the requests of a handler that another server runs as work in flight, and marks its answers during
// Upgrade; that server's connections are its own affair.
func (p *Probe) Handle(next http.Handler) http.Handler {
	d := newDrainer(next)
	p.servers.add(&served{d, nil})
	p.servers.mu.Lock()
	already := p.servers.handled
	p.servers.handled = true
	p.servers.mu.Unlock()
	if !already {
		p.work.add("http requests of other servers", 0, false, func() int64 { return p.servers.active(false) })
	}
	return d
}

func (s *serverSet) add(one *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, one)
}

func (s *serverSet) remove(one *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.list {
		if other == one {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			return
		}
	}
}

func (s *serverSet) all() []*served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*served(nil), s.list...)
}

// active counts the requests under way, of the servers that Serve runs or of those that others run.
func (s *serverSet) active(ours bool) int64 {
	total := int64(0)
	for _, one := range s.all() {
		if (one.listener != nil) == ours {
			total += one.active.Load()
		}
	}
	return total
}

// strangers lists the served listeners that are not built on one of ours: they could not be paused.
func (p *Probe) strangers() []Reason {
	reasons := []Reason{}
	for _, one := range p.servers.all() {
		if one.listener != nil && !p.listeners.carries(one.listener) {
			address := bounds.Cut(one.listener.Addr().String())
			reasons = append(reasons, Reason{ReasonDrain, address,
				fmt.Sprintf("a server listens on %s without the probe: exec would lose its connections; use Probe.Listen", address)})
		}
	}
	return reasons
}

// drain brings all servers to a halt from which undrain can take them back: answers announce the end of their
// connections for a while, still accepting; then new connections wait in the kernel's queue, and the open ones end.
func (p *Probe) drain(ctx context.Context, options DrainOptions) error {
	if reasons := p.strangers(); len(reasons) > 0 {
		return &NotReadyError{reasons}
	}
	o := options.filled()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	all := p.servers.all()
	for _, one := range all {
		one.closing.Store(true)
	}
	if err := wait(ctx, o.Announce); err != nil {
		return err
	}
	p.listeners.pause()
	graceful := make(chan error, 1)
	go func() { graceful <- p.graceful.drain(ctx, o.Graceful) }()
	err := p.empty(ctx, all, o)
	if other := <-graceful; err == nil {
		err = other
	}
	return err
}

// empty waits until the connections of all servers have ended.
func (p *Probe) empty(ctx context.Context, all []*served, o DrainOptions) error {
	for {
		for _, one := range all {
			if err := one.empty(ctx, o.Announce); err != nil {
				return err
			}
		}
		if err := wait(ctx, o.Linger); err != nil {
			return err
		}
		// One that was accepted before the pause may have been with whatever wraps the listener until now.
		left := 0
		for _, one := range all {
			left += one.connections()
		}
		if left == 0 {
			return nil
		}
	}
}

func (p *Probe) undrain() {
	for _, one := range p.servers.all() {
		one.closing.Store(false)
	}
	p.listeners.unpause()
	p.graceful.undrain()
}
