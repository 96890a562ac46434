package descriptor

import "syscall"

// IsConnection tells whether a descriptor is a stream socket that does not listen, and that very one.
func IsConnection(fd int, inode uint64) bool {
	return isSocket(fd, inode, syscall.SOCK_STREAM) && !IsListening(fd, inode)
}

// IsPackets tells whether a descriptor is a datagram socket, and that very one.
func IsPackets(fd int, inode uint64) bool { return isSocket(fd, inode, syscall.SOCK_DGRAM) }

func isSocket(fd int, inode uint64, kind int) bool {
	var info syscall.Stat_t
	if fd <= 2 || syscall.Fstat(fd, &info) != nil || info.Mode&syscall.S_IFMT != syscall.S_IFSOCK || info.Ino != inode {
		return false
	}
	found, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	return err == nil && found == kind
}
