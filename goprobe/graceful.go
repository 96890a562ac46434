package goprobe

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"hotgate/goprobe/internal/bounds"
)

// GracefulServer is a server that is not net/http's and ends gracefully, such as *grpc.Server: its GracefulStop closes the
// listener, tells clients that their connections end (GOAWAY), and waits for what is under way.
type GracefulServer interface {
	Serve(net.Listener) error
	GracefulStop()
	Stop() // at once; GracefulStop then returns
}

// ServeGraceful runs a server on the listener until it ends, other than by an Upgrade. Upgrade stops it gracefully, or at
// once when DrainOptions.Graceful has passed; new connections wait in the kernel's queue meanwhile. Such a server serves
// only once, so that build is called for another when an Upgrade failed. The listener is one of Listen's, or wraps one and
// gives its Addr.
func (p *Probe) ServeGraceful(listener net.Listener, build func() GracefulServer) error {
	own := p.listeners.find(listener)
	if own == nil {
		address := bounds.Cut(listener.Addr().String())
		return &NotReadyError{[]Reason{{ReasonDrain, address, address + " is no listener of the probe: use Probe.Listen"}}}
	}
	g := &graceful{listener: listener, own: own, arrived: make(chan arrival), done: make(chan struct{})}
	p.graceful.add(g)
	defer p.graceful.remove(g)
	defer close(g.done)
	go g.accept()
	for {
		server := build()
		if server == nil {
			return errors.New("goprobe: there is no server")
		}
		door := &door{graceful: g, closed: make(chan struct{})}
		if drained := g.begin(server); drained != nil {
			select { // an Upgrade is under way
			case <-drained:
				continue
			case <-p.done:
				return ErrStopped
			}
		}
		err := server.Serve(door)
		drained := g.end()
		if drained == nil {
			return err
		}
		select {
		case <-drained:
		case <-p.done:
			return err
		}
	}
}

// graceful is a server of ServeGraceful.
type graceful struct {
	listener net.Listener
	own      *Listener
	arrived  chan arrival
	done     chan struct{}
	conns    atomic.Int64

	mu      sync.Mutex
	server  GracefulServer
	drained chan struct{} // nil unless an Upgrade drains; closed when it failed
	ended   chan struct{} // of the server that serves
}

type arrival struct {
	conn net.Conn
	err  error
}

// accept takes connections for whichever server serves. One that nobody takes stays for the next.
func (g *graceful) accept() {
	for {
		conn, err := g.listener.Accept()
		select {
		case g.arrived <- arrival{conn, err}:
		case <-g.done:
			if conn != nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil && !transient(err) {
			return
		}
	}
}

// begin notes which server serves; a channel tells that none may, until it is closed.
func (g *graceful) begin(server GracefulServer) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drained != nil {
		return g.drained
	}
	g.server, g.ended = server, make(chan struct{})
	return nil
}

// end notes that the server's Serve returned; nil unless an Upgrade was the cause.
func (g *graceful) end() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.server = nil
	close(g.ended)
	return g.drained
}

// drain stops the server: gracefully, or at once when the time has passed. Its listener is paused.
func (g *graceful) drain(ctx context.Context, patience time.Duration) error {
	// One that was accepted before the pause is still given to the server.
	for g.own.idle() == 0 && !g.own.isClosed() {
		if err := wait(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	g.mu.Lock()
	if g.drained == nil {
		g.drained = make(chan struct{})
	}
	server, ended := g.server, g.ended
	g.mu.Unlock()
	if server == nil {
		return nil
	}
	stopped := make(chan struct{})
	go func() { server.GracefulStop(); close(stopped) }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
		server.Stop()
	case <-ctx.Done():
		server.Stop()
	}
	for _, over := range []<-chan struct{}{stopped, ended} {
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (g *graceful) undrain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drained != nil {
		close(g.drained)
		g.drained = nil
	}
}

// door is the listener that one server gets: closing it ends that server alone.
type door struct {
	graceful *graceful
	closed   chan struct{}
	once     sync.Once
}

func (d *door) Accept() (net.Conn, error) {
	select {
	case <-d.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case a := <-d.graceful.arrived:
		if a.err != nil {
			return nil, a.err
		}
		d.graceful.conns.Add(1)
		return &counted{Conn: a.conn, graceful: d.graceful}, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error   { d.once.Do(func() { close(d.closed) }); return nil }
func (d *door) Addr() net.Addr { return d.graceful.listener.Addr() }

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn
	graceful *graceful
	once     sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.graceful.conns.Add(-1) })
	return c.Conn.Close()
}

type gracefulSet struct {
	mu   sync.Mutex
	list []*graceful
}

func (s *gracefulSet) add(g *graceful) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, g)
}

func (s *gracefulSet) remove(g *graceful) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.list {
		if other == g {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			return
		}
	}
}

func (s *gracefulSet) all() []*graceful {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*graceful(nil), s.list...)
}

// drain stops all of them at once.
func (s *gracefulSet) drain(ctx context.Context, patience time.Duration) error {
	all := s.all()
	results := make(chan error, len(all))
	for _, g := range all {
		g := g
		go func() { results <- g.drain(ctx, patience) }()
	}
	var first error
	for range all {
		if err := <-results; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *gracefulSet) undrain() {
	for _, g := range s.all() {
		g.undrain()
	}
}

func (s *gracefulSet) wire() []ServerRow {
	rows := []ServerRow{}
	for _, g := range s.all() {
		rows = append(rows, ServerRow{
			Kind: "graceful", Address: bounds.Cut(g.listener.Addr().String()), Count: int(g.conns.Load()),
		})
	}
	return rows
}
