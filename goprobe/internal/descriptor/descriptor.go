// Package descriptor works on file descriptors: their flags, what is open, sockets that listen, and sealed memory files.
package descriptor

import (
	"os"
	"syscall"
)

// On calls f with the file's descriptor. Unlike File.Fd it leaves the file's mode alone: Fd makes the open file
// blocking, for every process that shares it.
func On(file syscall.Conn, f func(fd uintptr) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(fd) }); err != nil {
		return err
	}
	return inner
}

// Number gives the descriptor's number, which is valid as long as the file is open.
func Number(file *os.File) int {
	at := -1
	_ = On(file, func(fd uintptr) error { at = int(fd); return nil })
	return at
}

// Fcntl is fcntl(2) with a number as its argument.
func Fcntl(fd uintptr, command, argument int) (int, error) {
	result, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, uintptr(command), uintptr(argument))
	if errno != 0 {
		return -1, errno
	}
	return int(result), nil
}

// CloseOnExec sets or clears the flag.
func CloseOnExec(fd int, on bool) error {
	flag := 0
	if on {
		flag = syscall.FD_CLOEXEC
	}
	_, err := Fcntl(uintptr(fd), syscall.F_SETFD, flag)
	return err
}

// Duplicate gives another descriptor of the same open file, close-on-exec, above the standard ones.
func Duplicate(fd uintptr) (int, error) { return Fcntl(fd, syscall.F_DUPFD_CLOEXEC, 3) }
