package goprobe

import (
	"context"
	"net"
	"net/http"
	"sync"
)

type serverSet struct {
	mu   sync.Mutex
	list []served
}

type served struct {
	*drainer
	listener net.Listener
}

// Serve runs server on the listener like its own Serve does. The probe counts its requests as work in flight, and Upgrade
// drains it.
func (p *Probe) Serve(listener net.Listener, server *http.Server) error {
	d := drainerOf(server, true)
	p.servers.mu.Lock()
	p.servers.list = append(p.servers.list, served{d, listener})
	p.servers.mu.Unlock()
	defer p.servers.remove(listener)
	return server.Serve(listener)
}

// Handle counts the requests of a handler that another server runs as work in flight, and marks its answers during
// Upgrade; that server's connections are its own affair.
func (p *Probe) Handle(next http.Handler) http.Handler {
	d := newDrainer(next)
	p.servers.mu.Lock()
	defer p.servers.mu.Unlock()
	p.servers.list = append(p.servers.list, served{d, nil})
	return d
}

func (s *serverSet) remove(listener net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.list {
		if one.listener == listener {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			return
		}
	}
}

func (s *serverSet) all() []served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]served(nil), s.list...)
}

func (s *serverSet) active() int64 {
	total := int64(0)
	for _, one := range s.all() {
		total += one.active.Load()
	}
	return total
}

// drain brings all servers to a halt from which undrain can take them back: answers announce the end of their
// connections for a while, still accepting; then new connections wait in the kernel's queue, and the open ones end.
func (s *serverSet) drain(ctx context.Context, options DrainOptions) error {
	o := options.filled()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	all := s.all()
	for _, one := range all {
		one.closing.Store(true)
	}
	if err := wait(ctx, o.Announce); err != nil {
		return err
	}
	for _, one := range all {
		if l, ok := one.listener.(*Listener); ok {
			l.pause()
		}
	}
	for _, one := range all {
		if err := one.empty(ctx, o.Announce); err != nil {
			return err
		}
	}
	return wait(ctx, o.Linger)
}

func (s *serverSet) undrain() {
	for _, one := range s.all() {
		one.closing.Store(false)
		if l, ok := one.listener.(*Listener); ok {
			l.unpause()
		}
	}
}
