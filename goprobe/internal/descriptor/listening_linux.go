package descriptor

import (
	"net"
	"strconv"
	"syscall"

	"hotgate/goprobe/internal/bounds"
)

// listeningRow describes a descriptor that is a listening stream socket; ok is false for any other.
func listeningRow(fd int, inheritable bool) (row Listening, ok bool) {
	// The first call fails for what is no socket at all.
	listening, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil || listening == 0 {
		return row, false
	}
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	var info syscall.Stat_t
	if err != nil || kind != syscall.SOCK_STREAM || syscall.Fstat(fd, &info) != nil {
		return row, false
	}
	return Listening{FD: fd, Address: bounds.Cut(boundTo(fd)), Inode: info.Ino, Inheritable: inheritable}, true
}

// boundTo is the address of a socket in the form of package net, "" where it has none that is known.
func boundTo(fd int) string {
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return ""
	}
	switch name := name.(type) {
	case *syscall.SockaddrInet4:
		return (&net.TCPAddr{IP: name.Addr[:], Port: name.Port}).String()
	case *syscall.SockaddrInet6:
		zone := ""
		if name.ZoneId != 0 {
			zone = strconv.FormatUint(uint64(name.ZoneId), 10)
			if device, err := net.InterfaceByIndex(int(name.ZoneId)); err == nil {
				zone = device.Name
			}
		}
		return (&net.TCPAddr{IP: name.Addr[:], Port: name.Port, Zone: zone}).String()
	case *syscall.SockaddrUnix:
		return name.Name
	}
	return ""
}
