package goprobe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hotgate/goprobe/internal/bounds"
)

const (
	readPiece = 32 << 10
	// While an update is due each write waits a moment when so many bytes are kept to be sent later, and longer when it is
	// the most. What one write has is taken in any case, so that a peer that takes nothing stops no update.
	muchUnsent = 1 << 20
	mostUnsent = 64 << 20
	flushStep  = 20 * time.Millisecond
	// closeLinger bounds the wait for bytes that were written, and kept over an update, when the connection is closed.
	closeLinger = 5 * time.Second
	acceptRetry = 50 * time.Millisecond
)

// long ago: as a deadline it ends reads and writes at once.
var past = time.Unix(1, 0)

// Conn is a connection that the probe keeps over updates. It is a net.Conn whose reads end at the end of a message when an
// update is due, with ErrHandover. From then on the connection is the probe's until Serve is called again: Close and the
// deadlines have no effect, so that a library which closes what it cannot read harms nothing. Deadlines last until Serve
// returns.
//
// A Write is handed over whole: what does not fit into the socket's buffer when an update comes is sent by the next image, before anything
// else. Writes that come when everything has stopped wait for the update to fail. Goroutines other than Serve's may write
// as long as each Write is a message.
type Conn struct {
	kind    *connKind
	set     *connSet
	inner   net.Conn
	raw     syscall.RawConn // nil unless the connection is handed over
	fate    fate
	address string
	session any
	began   uint64 // the set's count of freezes when Serve was called

	rmu             sync.Mutex // of what is read
	buf             []byte
	start, off, end int // of the message under way: where it begins, what was read of it, where it ends
	readErr         error
	readReady       func(fd uintptr) bool
	gotN            int
	gotErr          error
	wmu             sync.Mutex // of what is written; held while a peer takes nothing
	unsent          []byte
	sealed          atomic.Bool // nothing is written any more
	mu              sync.Mutex  // of the rest; never held while another is taken
	frozen          bool        // an update is due
	told            bool        // the service knows
	parked          bool        // Serve returned, and is called again
	closed          bool
	readBy, writeBy time.Time // the service's deadlines
}

func newConn(p *Probe, kind *connKind, inner net.Conn, session any) *Conn {
	c := &Conn{kind: kind, set: &p.conns, inner: inner, fate: fateOf(inner), session: session}
	if c.fate == fateKept {
		raw, err := inner.(syscall.Conn).SyscallConn()
		if err != nil {
			c.fate = fateOther
		} else {
			c.raw, c.readReady = raw, c.readNow
		}
	}
	c.address = p.listeners.addressOf(inner.LocalAddr())
	return c
}

// ReadMessage gives the next message, in memory of its own. With Stream it gives what is there.
func (c *Conn) ReadMessage() ([]byte, error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if err := c.message(); err != nil {
		return nil, err
	}
	message := c.buf[c.off:c.end:c.end]
	if c.end < len(c.buf) {
		message = append([]byte(nil), message...)
	}
	c.took(c.end - c.off)
	return message, nil
}

// Read reads from one message at most.
func (c *Conn) Read(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, nil
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if err := c.message(); err != nil {
		return 0, err
	}
	n := copy(data, c.buf[c.off:c.end])
	c.took(n)
	return n, nil
}

// took advances. Memory is held only while there is something in it.
func (c *Conn) took(n int) {
	c.off += n
	if c.kind.framing.stream {
		c.end = c.off
	}
	if c.off < c.end {
		return
	}
	if c.off == len(c.buf) {
		c.buf, c.off, c.end = nil, 0, 0
	}
	c.start = c.off
}

// message waits until a whole message is at off, unless one is under way.
func (c *Conn) message() error {
	if c.off < c.end {
		return nil
	}
	for {
		if c.due() {
			return ErrHandover
		}
		if len(c.buf) > c.off {
			n, err := c.kind.framing.length(c.buf[c.off:])
			switch {
			case err != nil:
				return err
			case n < 0 || n > len(c.buf)-c.off:
				return fmt.Errorf("goprobe: the framing of %q found a message of %d bytes in %d", c.kind.name, n, len(c.buf)-c.off)
			case n > 0 && !c.kind.framing.stream && n > c.kind.framing.max:
				return ErrMessageTooLarge
			case n > 0:
				c.end = c.off + n
				return nil
			case len(c.buf)-c.off >= c.kind.framing.max:
				return ErrMessageTooLarge
			}
		}
		if c.readErr != nil {
			if errors.Is(c.readErr, io.EOF) && len(c.buf) > c.off {
				return io.ErrUnexpectedEOF
			}
			return c.readErr
		}
		before := len(c.buf) - c.off
		if err := c.fill(); err != nil && !c.spurious(err) {
			switch more := len(c.buf)-c.off > before; {
			case c.isClosed():
				return net.ErrClosed
			case !timedOut(err):
				c.readErr = err // after what came with it
			case !more:
				return err
			}
		}
	}
}

var pieces = sync.Pool{New: func() any { piece := make([]byte, readPiece); return &piece }}

// fill reads what is there, or waits. Where the socket can be asked, memory is needed only once there is something.
func (c *Conn) fill() error {
	if c.off > 0 {
		c.buf = append(c.buf[:0], c.buf[c.off:]...)
		c.start, c.off, c.end = 0, 0, 0
	}
	if c.raw == nil {
		piece := pieces.Get().(*[]byte)
		defer pieces.Put(piece)
		n, err := c.inner.Read(*piece)
		c.buf = append(c.buf, (*piece)[:n]...)
		return err
	}
	c.gotN, c.gotErr = 0, nil
	if err := c.raw.Read(c.readReady); err != nil {
		return err
	}
	switch {
	case c.gotErr != nil:
		return &net.OpError{Op: "read", Net: c.inner.LocalAddr().Network(), Source: c.inner.LocalAddr(), Addr: c.inner.RemoteAddr(),
			Err: os.NewSyscallError("read", c.gotErr)}
	case c.gotN == 0:
		return io.EOF
	}
	return nil
}

func (c *Conn) readNow(fd uintptr) bool {
	piece := pieces.Get().(*[]byte)
	defer pieces.Put(piece)
	for {
		n, err := syscall.Read(int(fd), *piece)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			c.gotErr = err
		default:
			c.gotN = n
			c.buf = append(c.buf, (*piece)[:n]...)
		}
		return true
	}
}

// due tells the service that an update is due, if it is.
func (c *Conn) due() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = c.told || (c.frozen && !c.closed)
	return c.told
}

// spurious tells whether a read ended because of an update, and not because of the service's deadline, which is then in
// force again.
func (c *Conn) spurious(err error) bool {
	if !timedOut(err) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || (!c.frozen && over(c.readBy)) {
		return false
	}
	if !c.frozen {
		_ = c.inner.SetReadDeadline(c.readBy)
	}
	return true
}

// expired tells whether a write ended because of the service's deadline, which is else in force again.
func (c *Conn) expired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || over(c.writeBy) {
		return true
	}
	if !c.frozen {
		_ = c.inner.SetWriteDeadline(c.writeBy)
	}
	return false
}

func over(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Handover is closed while an update is due, for loops that wait for something else than the next message: they return
// ErrHandover at the end of what they are doing.
func (c *Conn) Handover() <-chan struct{} { return c.set.dueChannel() }

// Write sends data, or keeps it for the next image where an update is due.
func (c *Conn) Write(data []byte) (int, error) {
	for {
		c.wmu.Lock()
		if !c.sealed.Load() {
			break
		}
		c.wmu.Unlock()
		<-c.set.thawedChannel()
	}
	defer c.wmu.Unlock()
	if c.raw == nil {
		return c.inner.Write(data)
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	if c.isFrozen() || len(c.unsent) > 0 {
		c.keep(data)
		return len(data), nil
	}
	sent := 0
	for {
		n, err := c.inner.Write(data[sent:])
		sent += n
		switch {
		case err == nil || !timedOut(err):
			return sent, err
		case c.isFrozen():
			c.keep(data[sent:])
			return len(data), nil
		case c.expired():
			return sent, err
		}
	}
}

// flush sends what was kept for later, unless an update is due.
func (c *Conn) flush() error {
	for len(c.unsent) > 0 && !c.isFrozen() {
		n, err := c.inner.Write(c.unsent)
		c.sentOff(n)
		if err != nil && (!timedOut(err) || (!c.isFrozen() && c.expired())) {
			return err
		}
	}
	return nil
}

func (c *Conn) sentOff(n int) {
	if c.unsent = c.unsent[n:]; len(c.unsent) == 0 {
		c.unsent = nil
	}
}

// keep holds data until the connection is served again. It slows a writer down that has written much, and stops one that
// has written very much, so that one that never stops does not fill the memory before the update is given up.
func (c *Conn) keep(data []byte) {
	for len(c.unsent) > mostUnsent && c.isFrozen() && !c.set.stopped() && c.tryOnce() {
	}
	c.unsent = append(c.unsent, data...)
	if len(c.unsent) > muchUnsent && c.isFrozen() && !c.set.stopped() {
		c.tryOnce()
	}
}

// tryOnce sends what it can in a moment although an update is due; false when nothing can be sent any more.
func (c *Conn) tryOnce() bool {
	c.step()
	n, err := c.inner.Write(c.unsent)
	c.sentOff(n)
	return err == nil || timedOut(err) // else the next image finds out
}

// step lets writes try for a moment although an update is due.
func (c *Conn) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen && !c.closed {
		_ = c.inner.SetWriteDeadline(time.Now().Add(flushStep))
	}
}

// flushLater sends what was kept while the loop already reads.
func (c *Conn) flushLater() {
	if c.wmu.TryLock() {
		waiting := len(c.unsent) > 0
		c.wmu.Unlock()
		if !waiting {
			return
		}
	}
	go func() {
		c.wmu.Lock()
		defer c.wmu.Unlock()
		_ = c.flush() // whoever writes next finds out
	}()
}

func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *Conn) isFrozen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen
}

// Close closes the connection, unless an update is due and the service was told: it is handed over then.
func (c *Conn) Close() error {
	c.mu.Lock()
	handed := c.told || c.parked
	c.mu.Unlock()
	if handed {
		return nil
	}
	return c.shut()
}

// shut closes it whatever is due. What was kept for later goes out first.
func (c *Conn) shut() error {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	if !already {
		_ = c.inner.SetReadDeadline(past)
		_ = c.inner.SetWriteDeadline(time.Now().Add(closeLinger))
	}
	c.mu.Unlock()
	if already {
		return net.ErrClosed
	}
	if c.wmu.TryLock() {
		if len(c.unsent) > 0 {
			go func() {
				defer c.wmu.Unlock()
				for len(c.unsent) > 0 {
					n, err := c.inner.Write(c.unsent)
					c.sentOff(n)
					if err != nil {
						break
					}
				}
				_ = c.inner.Close()
			}()
			return nil
		}
		c.wmu.Unlock()
	}
	return c.inner.Close()
}

// LocalAddr is the connection's own address.
func (c *Conn) LocalAddr() net.Addr { return c.inner.LocalAddr() }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.inner.RemoteAddr() }

// Kept tells whether exec hands the connection over; it does not where the connection is of TLS, for example.
func (c *Conn) Kept() bool { return c.fate == fateKept }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline is that of net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	if c.frozen || c.closed {
		return nil
	}
	return c.inner.SetReadDeadline(t)
}

// SetWriteDeadline is that of net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeBy = t
	if (c.frozen && c.raw != nil) || c.closed {
		return nil
	}
	return c.inner.SetWriteDeadline(t)
}

// freeze ends what waits for the socket.
func (c *Conn) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = true
	if c.closed {
		return
	}
	_ = c.inner.SetReadDeadline(past)
	if c.raw != nil { // TLS cannot go on with a record that was written in part
		_ = c.inner.SetWriteDeadline(past)
	}
}

// thaw takes it back.
func (c *Conn) thaw() {
	c.sealed.Store(false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = false
	if !c.closed && !c.parked { // else fresh does it
		_ = c.inner.SetReadDeadline(c.readBy)
		_ = c.inner.SetWriteDeadline(c.writeBy)
	}
}

// run calls Serve until the connection ends.
func (c *Conn) run() {
	for c.set.begin(c) {
		c.flushLater()
		err := c.serveOnce()
		if !c.stays(err) {
			c.set.end(c, false)
			_ = c.shut()
			return
		}
		c.set.end(c, true)
	}
}

// fresh makes the connection as Serve expects it.
func (c *Conn) fresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.parked = false, false
	c.readBy, c.writeBy = time.Time{}, time.Time{}
	if !c.closed && !c.frozen {
		_ = c.inner.SetDeadline(time.Time{})
	}
}

// stays tells whether Serve returned because of an update.
func (c *Conn) stays(err error) bool {
	again := errors.Is(err, ErrHandover) && c.set.dueSince(c.began)
	c.mu.Lock()
	stays := (c.told || again) && !c.closed
	c.parked = stays
	c.mu.Unlock()
	if !stays {
		if errors.Is(err, ErrHandover) {
			c.set.logger.Error("Serve returned ErrHandover, and no update is due: the connection is closed", "kind", c.kind.name)
		}
		return false
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.off, c.end = c.start, c.start // a message that was not read to its end is read again
	return true
}

func (c *Conn) serveOnce() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("it panicked: %v", cause)
			stack := debug.Stack()
			c.set.logger.Error("Serve panicked: the connection is closed", "kind", c.kind.name, "panic", bounds.Cut(fmt.Sprint(cause)),
				"stack", string(stack[:min(len(stack), 8<<10)]))
			c.mu.Lock()
			c.told = false
			c.mu.Unlock()
			_ = c.shut()
		}
	}()
	return c.kind.serve(c, c.session)
}
