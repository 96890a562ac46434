package goprobe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotgate/goprobe/internal/descriptor"
)

// DrainOptions are the times of a drain; the zero value has those that lost nothing when they were measured.
type DrainOptions struct {
	// Announce is how long answers say Connection: close before connections without a request are closed; those that have
	// not sent their first one get five times as long. 1 s unless set.
	Announce time.Duration
	// Linger is the time after the last connection was closed; 0.3 s unless set.
	Linger time.Duration
	// Timeout bounds the wait for requests under way; 30 s unless set, and never longer than the context.
	Timeout time.Duration
	// Graceful is how long the servers of ServeGraceful may take to end, until they are stopped: what is under way then,
	// such as a stream without end, is cut. 10 s unless set.
	Graceful time.Duration
}

func (o DrainOptions) filled() DrainOptions {
	if o.Announce <= 0 {
		o.Announce = time.Second
	}
	if o.Linger <= 0 {
		o.Linger = 300 * time.Millisecond
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Graceful <= 0 {
		o.Graceful = 10 * time.Second
	}
	return o
}

// ErrNotDrainable is returned by Drain for a server that does not announce the end of its connections.
var ErrNotDrainable = errors.New("goprobe: the server's answers cannot be marked: call Drainable before Serve")

// drainer stands before a server's handler. It counts requests, knows the connections, and can make every answer say
// that its connection ends.
type drainer struct {
	next    http.Handler
	closing atomic.Bool
	active  atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]connection
}

type connection struct {
	state http.ConnState
	since time.Time
}

// ServeHTTP marks the answer while the server drains. The header is set before the handler runs: the service may take it
// off again, which is its own affair.
func (d *drainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A request that asks whether the service is busy must not make it so.
	if !strings.HasPrefix(r.URL.Path, prefix) && !strings.HasPrefix(r.URL.Path, pprofPrefix) {
		d.active.Add(1)
		defer d.active.Add(-1)
	}
	if d.closing.Load() {
		w.Header().Set("Connection", "close")
	}
	d.next.ServeHTTP(w, r)
}

// Drainable prepares a server for Drain; call it after its Handler and ConnState are set, and before it serves. Calling
// it again does nothing. Probe.Serve does it by itself.
func Drainable(server *http.Server) { drainerOf(server, true) }

func drainerOf(server *http.Server, make bool) *drainer {
	if d, ok := server.Handler.(*drainer); ok || !make {
		return d
	}
	d := newDrainer(server.Handler)
	server.Handler = d
	before := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		d.track(conn, state)
		if before != nil {
			before(conn, state)
		}
	}
	return d
}

func newDrainer(next http.Handler) *drainer {
	if next == nil {
		next = http.DefaultServeMux
	}
	return &drainer{next: next, conns: map[net.Conn]connection{}}
}

func (d *drainer) track(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(d.conns, conn) // one that was hijacked is the service's; its request counts until its handler returns
	} else {
		d.conns[conn] = connection{state, time.Now()}
	}
}

// freshPatience is how many times as long a connection without a first request is waited for: its client has been told
// nothing yet, and one on a busy machine takes a while to send what it connected for.
const freshPatience = 5

// closeQuiet closes the connections that have had no request for that long, and tells how many are left. A request that has
// arrived and that the server has not begun to read, as it is busy, is one: closing its connection would lose it.
func (d *drainer) closeQuiet(quiet time.Duration) int {
	d.mu.Lock()
	victims := []net.Conn{}
	for conn, c := range d.conns {
		patience := quiet
		if c.state == http.StateNew {
			patience *= freshPatience
		}
		if c.state != http.StateActive && time.Since(c.since) >= patience && !descriptor.Unread(conn) {
			victims = append(victims, conn)
		}
	}
	left := len(d.conns)
	d.mu.Unlock()
	for _, conn := range victims {
		_ = conn.Close() // the server notices, and reports it as closed
	}
	return left
}

func (d *drainer) connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

// empty waits until all connections are closed and all requests answered, closing those that stay quiet.
func (d *drainer) empty(ctx context.Context, quiet time.Duration) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for d.closeQuiet(quiet) > 0 || d.active.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Drain ends a server without losing a request, for services whose next image runs in another process that accepts
// already: answers say Connection: close; the listeners are closed, without unlinking the path of a unix socket; after
// Announce the server is shut down, which waits for requests under way; then Linger passes. The server must have been
// prepared by Drainable. Its Serve returns an error that wraps net.ErrClosed or is http.ErrServerClosed.
func Drain(ctx context.Context, server *http.Server, options DrainOptions, listeners ...net.Listener) error {
	d := drainerOf(server, false)
	if d == nil {
		return ErrNotDrainable
	}
	o := options.filled()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	d.closing.Store(true)
	for _, l := range listeners {
		if unix, ok := l.(*net.UnixListener); ok {
			unix.SetUnlinkOnClose(false)
		}
		_ = l.Close()
	}
	if err := wait(ctx, o.Announce); err != nil {
		return err
	}
	// Connections whose last answer went out before the announcement are quiet by now; younger ones get as long.
	if err := d.empty(ctx, o.Announce); err != nil {
		return err
	}
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	return wait(ctx, o.Linger)
}
