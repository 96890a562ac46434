package descriptor

import (
	"net"
	"syscall"
)

// Unread tells whether bytes of the peer wait in the kernel to be read. It takes none of them, and waits for nobody who reads.
func Unread(conn net.Conn) bool {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok { // such as a *tls.Conn
		conn = over.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	waiting := false
	_ = raw.Control(func(fd uintptr) {
		var first [1]byte
		n, _, err := syscall.Recvfrom(int(fd), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waiting = err == nil && n > 0 // none without an error is the end
	})
	return waiting
}
