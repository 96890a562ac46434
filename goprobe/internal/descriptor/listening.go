package descriptor

import "syscall"

// IsListening tells whether a descriptor is a listening socket, and that very one where an inode is given.
func IsListening(fd int, inode uint64) bool {
	var info syscall.Stat_t
	if fd <= 2 || syscall.Fstat(fd, &info) != nil || info.Mode&syscall.S_IFMT != syscall.S_IFSOCK ||
		(inode != 0 && info.Ino != inode) {
		return false
	}
	listening, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	return err == nil && listening != 0
}
