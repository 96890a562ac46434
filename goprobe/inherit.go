package goprobe

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/handover"
)

// offeredListener is an inherited socket that no Listen asked for yet.
type offeredListener struct {
	name    string
	address string
	socket  net.Listener
}

func (o *offeredListener) close() { _ = o.socket.Close() }

// offer takes the listening sockets that this image inherited: those that the image before handed over, or those of
// socket activation.
func (s *listenerSet) offer(from *handover.Received) {
	if from.IsTrial() || from.IsCanary() {
		return
	}
	taken := map[int]bool{}
	if from != nil {
		for i, l := range from.Manifest.Listeners {
			if i < bounds.MaxListeners && !taken[l.FD] && s.take(l.Name, l.FD, l.Inode, false) {
				taken[l.FD] = true
			}
		}
	}
	count, names := handover.Activation(bounds.MaxListeners)
	shared := false
	for fd := handover.ListenFDsStart; fd < handover.ListenFDsStart+count; fd++ {
		shared = shared || (!taken[fd] && !descriptor.IsListening(fd, 0))
	}
	for i := 0; i < count; i++ {
		if fd := handover.ListenFDsStart + i; !taken[fd] {
			name := ""
			if i < len(names) {
				name = names[i]
			}
			s.take(name, fd, 0, shared)
		}
	}
	if count > 0 && !shared {
		handover.ForgetActivation()
	}
}

// take makes a listener of a descriptor, if it is a listening stream socket, and that very one. The descriptor is closed,
// unless other code relies on its number.
func (s *listenerSet) take(name string, fd int, inode uint64, shared bool) bool {
	if !descriptor.IsListening(fd, inode) {
		return false
	}
	syscall.CloseOnExec(fd)
	own := fd
	if shared {
		var err error
		if own, err = descriptor.Duplicate(uintptr(fd)); err != nil {
			return false
		}
	}
	file := os.NewFile(uintptr(own), "listener")
	defer file.Close() // FileListener works on a duplicate
	socket, err := net.FileListener(file)
	if err != nil {
		return false
	}
	if _, ok := socket.(innerListener); !ok {
		_ = socket.Close()
		return false
	}
	s.offered = append(s.offered, &offeredListener{name: bounds.Cut(name), address: socket.Addr().String(), socket: socket})
	return true
}

// claim takes an offered listener by its name, or by its address where it has none of ours. One that has the name and
// listens elsewhere, because the configuration changed, is closed.
func (s *listenerSet) claim(name, network, address string, logger *slog.Logger) innerListener {
	for i, o := range s.offered {
		if o.name != name {
			continue
		}
		s.offered = append(s.offered[:i:i], s.offered[i+1:]...)
		if address == "" || sameAddress(o.socket.Addr(), network, address, true) {
			return o.socket.(innerListener)
		}
		o.close()
		logger.Warn("inherited listener is closed: another address is asked for", "name", name, "inherited", o.address,
			"address", address)
		break
	}
	for i, o := range s.offered {
		if sameAddress(o.socket.Addr(), network, address, false) {
			s.offered = append(s.offered[:i:i], s.offered[i+1:]...)
			return o.socket.(innerListener)
		}
	}
	return nil
}

// sameAddress tells whether a socket listens where it is asked to; port 0 is any port where the caller says so.
func sameAddress(have net.Addr, network, address string, anyPort bool) bool {
	switch have := have.(type) {
	case *net.UnixAddr:
		return network == "unix" && have.Name == address
	case *net.TCPAddr:
		if network == "unix" {
			return false
		}
		want, err := net.ResolveTCPAddr(network, address)
		if err != nil || (want.Port != have.Port && !(want.Port == 0 && anyPort)) {
			return false
		}
		if is4 := have.IP.To4() != nil; (network == "tcp4" && !is4) || (network == "tcp6" && is4) {
			return false
		}
		// Package net listens on all addresses of both families whichever of the two wildcards "tcp" is given.
		anyWanted := want.IP == nil || want.IP.IsUnspecified()
		return (anyWanted && have.IP.IsUnspecified()) || (want.IP.Equal(have.IP) && want.Zone == have.Zone)
	}
	return false
}

// keep duplicates the listener's descriptor, so that its socket and its queue outlive the listener.
func (l *Listener) keep() error {
	conn, ok := l.inner.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no descriptor", l.inner)
	}
	return descriptor.On(conn, func(fd uintptr) error {
		spare, err := descriptor.Duplicate(fd)
		if err != nil {
			return err
		}
		var info syscall.Stat_t
		if err := syscall.Fstat(spare, &info); err != nil {
			_ = syscall.Close(spare)
			return err
		}
		l.spare, l.inode = spare, info.Ino
		return nil
	})
}

func (l *Listener) letGo() {
	if l.spare >= 0 {
		_ = syscall.Close(l.spare)
		l.spare = -1
	}
}

// handed lists what Exec hands over.
func (s *listenerSet) handed() []handover.Listener {
	rows := []handover.Listener{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.list {
		if l.spare >= 0 {
			rows = append(rows, handover.Listener{
				Name: l.name, Network: l.Addr().Network(), Address: l.Addr().String(), FD: l.spare, Inode: l.inode,
			})
		}
	}
	return rows
}
