package goprobe

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/handover"
)

// PacketConn is a datagram socket that Exec hands over: what comes while the images change waits in the kernel's buffer for
// the next one. While an update is under way reads wait. A datagram that was read and is not answered is lost with the old
// image: Serve sees to that, and a service with a loop of its own declares its work with Probe.InFlight.
//
// Connections inside datagrams, such as those of QUIC, are the service's own: their keys stay in this process, and the
// service ends them by Pause of UpgradeOptions.
type PacketConn struct {
	net.PacketConn
	name      string
	fd        int // of a duplicate, which is handed over; -1 in a trial
	inode     uint64
	inherited bool
	probe     *Probe
	closed    chan struct{}
	once      sync.Once

	mu     sync.Mutex
	readBy time.Time
	paused bool
}

type packetSet struct {
	mu      sync.Mutex
	list    []*PacketConn
	offered []offeredPackets
}

type offeredPackets struct {
	handover.Listener
	socket net.PacketConn
}

// offer takes the datagram sockets that the image before handed over.
func (s *packetSet) offer(from *handover.Received) {
	if from == nil || from.Trial || from.IsCanary() {
		return
	}
	for i, l := range from.Manifest.Packets {
		if i == bounds.MaxListeners || !descriptor.IsPackets(l.FD, l.Inode) {
			continue
		}
		syscall.CloseOnExec(l.FD)
		file := os.NewFile(uintptr(l.FD), "packets")
		if socket, err := net.FilePacketConn(file); err == nil {
			s.offered = append(s.offered, offeredPackets{l, socket})
		}
		_ = file.Close()
	}
}

// ListenPacket gives the datagram socket of that network and address that was inherited from the image before, or else a
// new one, and registers it for hand-over. Networks are "udp", "udp4", "udp6" and "unixgram". In a trial, and in a
// canary, it gives one that never gets anything.
func (p *Probe) ListenPacket(network, address string) (*PacketConn, error) {
	if p.stopped.Load() {
		return nil, ErrStopped
	}
	switch network {
	case "udp", "udp4", "udp6", "unixgram":
	default:
		return nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
	}
	name := network + " " + address
	if len(name) > bounds.MaxText {
		return nil, fmt.Errorf("goprobe: the address has %d bytes: at most %d", len(address), bounds.MaxText)
	}
	c := &PacketConn{name: name, fd: -1, probe: p, closed: make(chan struct{})}
	if p.Trial() || p.Canary() {
		c.PacketConn = silentPackets{newSilentListener("tcp", "")}
		return c, nil
	}
	s := &p.packets
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.list {
		if other.name == name {
			return nil, fmt.Errorf("goprobe: a datagram socket %q is registered already", name)
		}
	}
	for i, o := range s.offered {
		if o.Name == name {
			c.PacketConn, c.inherited = o.socket, true
			s.offered = append(s.offered[:i:i], s.offered[i+1:]...)
			break
		}
	}
	if c.PacketConn == nil {
		fresh, err := net.ListenPacket(network, address)
		if err != nil {
			return nil, err
		}
		c.PacketConn = fresh
	}
	err := descriptor.On(c.PacketConn.(syscall.Conn), func(fd uintptr) error {
		var info syscall.Stat_t
		if err := syscall.Fstat(int(fd), &info); err != nil {
			return err
		}
		spare, err := descriptor.Duplicate(fd)
		if err == nil {
			c.fd, c.inode = spare, info.Ino
		}
		return err
	})
	if err != nil {
		_ = c.PacketConn.Close()
		return nil, fmt.Errorf("goprobe: listen %s %s: %w", network, address, err)
	}
	s.list = append(s.list, c)
	return c, nil
}

// ReadFrom waits for a datagram, and while an update is under way for its end.
func (c *PacketConn) ReadFrom(data []byte) (int, net.Addr, error) {
	for {
		select {
		case <-c.probe.conns.thawedChannel():
		case <-c.closed:
			return 0, nil, net.ErrClosed
		}
		n, from, err := c.PacketConn.ReadFrom(data)
		if err == nil || !c.spurious(err) {
			return n, from, err
		}
	}
}

func (c *PacketConn) spurious(err error) bool {
	if !timedOut(err) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.paused && over(c.readBy) {
		return false
	}
	if !c.paused {
		_ = c.PacketConn.SetReadDeadline(c.readBy)
	}
	return true
}

// SetReadDeadline is that of net.PacketConn.
func (c *PacketConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	if c.paused {
		return nil
	}
	return c.PacketConn.SetReadDeadline(t)
}

// SetDeadline sets both deadlines.
func (c *PacketConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *PacketConn) pause(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
	if paused {
		_ = c.PacketConn.SetReadDeadline(past)
	} else {
		_ = c.PacketConn.SetReadDeadline(c.readBy)
	}
}

// Serve calls handle for every datagram, one after the other, until the socket is closed. An update waits until it has
// returned. The data is only valid until then.
func (c *PacketConn) Serve(handle func(data []byte, from net.Addr)) error {
	var busy sync.Mutex
	remove := c.probe.work.add("datagrams of "+c.name, 0, false, func() int64 {
		if busy.TryLock() {
			busy.Unlock()
			return 0
		}
		return 1
	})
	defer remove()
	data := make([]byte, 64<<10)
	for {
		n, from, err := c.readLocked(data, &busy)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			c.probe.rest(time.Millisecond)
			continue // of one datagram, such as an ICMP error
		}
		func() {
			defer busy.Unlock()
			handle(data[:n], from)
		}()
	}
}

// readLocked gives a datagram with the lock held: from before it is taken out of the kernel's buffer.
func (c *PacketConn) readLocked(data []byte, busy *sync.Mutex) (int, net.Addr, error) {
	raw, err := c.PacketConn.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	for {
		select {
		case <-c.probe.conns.thawedChannel():
		case <-c.closed:
			return 0, nil, net.ErrClosed
		}
		// Wait until there is something, and only then be busy.
		err := raw.Read(func(fd uintptr) bool { return readable(fd) })
		if err != nil && !c.spurious(err) {
			return 0, nil, err
		}
		if err != nil {
			continue
		}
		busy.Lock()
		c.mu.Lock()
		paused := c.paused
		c.mu.Unlock()
		if !paused {
			n, from, err := c.PacketConn.ReadFrom(data)
			if err == nil {
				return n, from, nil
			}
			busy.Unlock()
			if !c.spurious(err) {
				return 0, nil, err
			}
			continue
		}
		busy.Unlock()
	}
}

// readable tells whether a datagram waits, without taking it.
func readable(fd uintptr) bool {
	var one [1]byte
	_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
}

// Close closes the socket for good: it is not handed over.
func (c *PacketConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		c.probe.packets.remove(c)
		err = c.PacketConn.Close()
	})
	return err
}

func (s *packetSet) remove(c *PacketConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.list {
		if other == c {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			_ = syscall.Close(c.fd)
			c.fd = -1
			return
		}
	}
}

func (s *packetSet) all() []*PacketConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*PacketConn(nil), s.list...)
}

func (s *packetSet) setPaused(paused bool) {
	for _, c := range s.all() {
		c.pause(paused)
	}
}

func (s *packetSet) release() {
	s.dropUnclaimed(nil)
	for _, c := range s.all() {
		s.remove(c)
	}
}

// dropUnclaimed closes inherited sockets that are not used any more.
func (s *packetSet) dropUnclaimed(logger *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.offered {
		_ = o.socket.Close()
		if logger != nil {
			logger.Warn("inherited datagram socket is not used any more", "name", bounds.Cut(o.Name))
		}
	}
	s.offered = nil
}

func (s *packetSet) handed() []handover.Listener {
	rows := []handover.Listener{}
	for _, c := range s.all() {
		rows = append(rows, handover.Listener{
			Name: c.name, Network: c.LocalAddr().Network(), Address: c.LocalAddr().String(), FD: c.fd, Inode: c.inode,
		})
	}
	return rows
}

func (s *packetSet) wire() []PacketRow {
	rows := []PacketRow{}
	for _, c := range s.all() {
		rows = append(rows, PacketRow{
			Name: bounds.Cut(c.name), Network: c.LocalAddr().Network(), Address: bounds.Cut(c.LocalAddr().String()),
			FD: c.fd, Inode: c.inode, Inherited: c.inherited, Handover: c.fd >= 0,
		})
	}
	return rows
}

// silentPackets is what a trial has: it gets nothing.
type silentPackets struct{ *silentListener }

func (s silentPackets) ReadFrom([]byte) (int, net.Addr, error) {
	<-s.closed
	return 0, nil, net.ErrClosed
}
func (s silentPackets) WriteTo([]byte, net.Addr) (int, error) { return 0, net.ErrClosed }
func (s silentPackets) LocalAddr() net.Addr                   { return s.Addr() }
func (s silentPackets) SetReadDeadline(time.Time) error       { return nil }
func (s silentPackets) SetWriteDeadline(time.Time) error      { return nil }
