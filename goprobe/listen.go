package goprobe

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"hotgate/goprobe/internal/bounds"
)

// Listener is a stream listener that Exec hands over. It can pause: connections then wait in the kernel's queue.
type Listener struct {
	name      string
	inner     innerListener
	spare     int // a descriptor of the same socket, which stays open when the listener is closed; -1 in a trial
	inode     uint64
	inherited bool
	endpoints bool // serves only the probe's own answers, which go on while the service is drained
	owner     *listenerSet

	mu      sync.Mutex
	resume  chan struct{} // closed while it accepts
	back    []net.Conn    // that a canary was given and did not accept
	waiting atomic.Int32  // calls of Accept that wait for the end of a pause
	closed  chan struct{}
	once    sync.Once
}

type innerListener interface {
	net.Listener
	SetDeadline(time.Time) error
}

func newListener(name string, inner innerListener, owner *listenerSet) *Listener {
	l := &Listener{name: name, inner: inner, spare: -1, owner: owner, resume: make(chan struct{}), closed: make(chan struct{})}
	close(l.resume)
	return l
}

// Accept waits for a connection, and while the listener is paused for the end of the pause.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		if conn := l.takeBack(); conn != nil {
			return conn, nil
		}
		l.mu.Lock()
		resume := l.resume
		l.mu.Unlock()
		if !l.wait(resume) {
			return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
		}
		conn, err := l.inner.Accept()
		if err == nil {
			if run := l.owner.canary.Load(); run != nil && run.pass(l, conn) {
				continue
			}
			return conn, nil
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			return nil, err
		}
	}
}

// wait waits for the end of a pause; false when the listener was closed.
func (l *Listener) wait(resume chan struct{}) bool {
	select {
	case <-resume:
		return true
	default:
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	select {
	case <-resume:
		return true
	case <-l.closed:
		return false
	}
}

// idle is how many calls of Accept wait for the end of a pause: they hold no connection.
func (l *Listener) idle() int { return int(l.waiting.Load()) }

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Addr is the address that it listens on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close ends accepting in this image. The socket stays with the probe and is still handed over by Exec, so that a server
// which closes its listeners to drain loses no connection; Probe.Stop releases it.
func (l *Listener) Close() error {
	err := error(nil)
	l.once.Do(func() {
		close(l.closed)
		err = l.inner.Close()
	})
	return err
}

// Drop closes the listener for good: it is not handed over.
func (l *Listener) Drop() error {
	l.owner.remove(l)
	return l.Close()
}

// giveBack lets Accept give a connection that it had passed to a canary.
func (l *Listener) giveBack(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = append(l.back, conn)
	_ = l.inner.SetDeadline(past) // a call that waits looks again
}

func (l *Listener) takeBack() net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.back) == 0 {
		return nil
	}
	conn := l.back[0]
	l.back = l.back[1:]
	if len(l.back) == 0 {
		select {
		case <-l.resume:
			_ = l.inner.SetDeadline(time.Time{})
		default: // it is paused
		}
	}
	return conn
}

func (l *Listener) hasBack() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.back) > 0
}

func (l *Listener) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.resume:
		l.resume = make(chan struct{})
	default:
	}
	_ = l.inner.SetDeadline(time.Unix(1, 0))
}

func (l *Listener) unpause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.back) == 0 {
		_ = l.inner.SetDeadline(time.Time{})
	}
	select {
	case <-l.resume:
	default:
		close(l.resume)
	}
}

type listenerSet struct {
	mu      sync.Mutex
	list    []*Listener
	offered []*offeredListener
	paused  bool
	canary  atomic.Pointer[canaryRun] // that gets a share of the connections
}

// pause makes new connections wait in the kernel's queues, whatever the service wrapped around its listeners.
func (s *listenerSet) pause() { s.setPaused(true) }

func (s *listenerSet) unpause() { s.setPaused(false) }

func (s *listenerSet) setPaused(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
	for _, l := range s.list {
		switch {
		case l.endpoints:
		case paused:
			l.pause()
		default:
			l.unpause()
		}
	}
}

// carries tells whether a listener is one of ours, or a wrapper of one. A wrapper gives the Addr of what it wraps, which
// package net makes once for each socket.
func (s *listenerSet) carries(listener net.Listener) bool { return s.find(listener) != nil }

// find is the one of ours that a listener is, or wraps.
func (s *listenerSet) find(listener net.Listener) *Listener {
	address := listener.Addr()
	for _, l := range s.all() {
		if l.Addr() == address {
			return l
		}
	}
	return nil
}

func (s *listenerSet) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

// Listen gives the listener of that name that was inherited from the image before or from the service manager, or else
// a new one, and registers it for hand-over. Networks are "tcp", "tcp4", "tcp6" and "unix". In a trial it gives one that
// never accepts, and in a canary one that accepts what the old image passes.
func (p *Probe) Listen(network, address string) (*Listener, error) {
	return p.ListenNamed(network+" "+address, network, address)
}

// ListenNamed is Listen under a name of its own, such as a socket's FileDescriptorName in a unit of systemd. An inherited
// listener of that name is only used if it listens at the address, or the address is ""; otherwise it is closed, the log
// says so, and a new one is opened. Port 0 is whatever port it has.
func (p *Probe) ListenNamed(name, network, address string) (*Listener, error) {
	return p.listen(name, network, address, false)
}

func (p *Probe) listen(name, network, address string, endpoints bool) (*Listener, error) {
	if p.stopped.Load() {
		return nil, ErrStopped
	}
	switch network {
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
	}
	if len(name) > bounds.MaxText {
		return nil, fmt.Errorf("goprobe: a listener's name of %d bytes is too long: at most %d", len(name), bounds.MaxText)
	}
	if p.Trial() {
		return newListener(name, newSilentListener(network, address), &p.listeners), nil
	}
	if p.beside != nil && endpoints {
		return newListener(name, newSilentListener(network, address), &p.listeners), nil // the old image answers
	}
	p.listeners.mu.Lock()
	defer p.listeners.mu.Unlock()
	for _, other := range p.listeners.list {
		if other.name == name {
			return nil, fmt.Errorf("goprobe: a listener %q is registered already: choose another name with ListenNamed", name)
		}
	}
	if p.beside != nil {
		l := newListener(name, p.beside.listen(name, network, address), &p.listeners)
		p.listeners.list = append(p.listeners.list, l)
		return l, nil
	}
	inner, inherited := p.listeners.claim(name, network, address, p.options.Logger), true
	if inner == nil {
		inherited = false
		fresh, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		inner = fresh.(innerListener)
	}
	if unix, ok := inner.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the next image serves under the same path
	}
	l := newListener(name, inner, &p.listeners)
	l.inherited, l.endpoints = inherited, endpoints
	if err := l.keep(); err != nil {
		_ = inner.Close()
		return nil, fmt.Errorf("goprobe: listen %s %s: %w", network, address, err)
	}
	p.listeners.list = append(p.listeners.list, l)
	if p.listeners.paused && !endpoints {
		l.pause()
	}
	return l, nil
}

func (s *listenerSet) all() []*Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Listener(nil), s.list...)
}

func (s *listenerSet) remove(l *Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.list {
		if other == l {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			l.letGo()
			return
		}
	}
}

func (s *listenerSet) release() {
	s.dropUnclaimed(nil)
	for _, l := range s.all() {
		s.remove(l)
	}
}

// dropUnclaimed closes inherited sockets that are not used any more: connections would wait in them forever.
func (s *listenerSet) dropUnclaimed(logger *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.offered {
		o.close()
		if logger != nil {
			logger.Warn("inherited listener is not used any more", "name", o.name, "address", o.address)
		}
	}
	s.offered = nil
}

// silentListener is what a trial listens on: nothing.
type silentListener struct {
	address net.Addr
	closed  chan struct{}
	once    sync.Once
}

func newSilentListener(network, address string) *silentListener {
	l := &silentListener{closed: make(chan struct{})}
	if network == "unix" {
		l.address = &net.UnixAddr{Name: address, Net: network}
	} else if tcp, err := net.ResolveTCPAddr(network, address); err == nil {
		l.address = tcp
	} else {
		l.address = &net.TCPAddr{}
	}
	return l
}

func (l *silentListener) Accept() (net.Conn, error) {
	<-l.closed
	return nil, &net.OpError{Op: "accept", Net: l.address.Network(), Addr: l.address, Err: net.ErrClosed}
}
func (l *silentListener) Close() error                { l.once.Do(func() { close(l.closed) }); return nil }
func (l *silentListener) Addr() net.Addr              { return l.address }
func (l *silentListener) SetDeadline(time.Time) error { return nil }
