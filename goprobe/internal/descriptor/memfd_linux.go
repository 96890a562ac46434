package descriptor

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// memfd_create(2), F_ADD_SEALS and F_GET_SEALS: include/uapi/linux/memfd.h and fcntl.h.
const (
	mfdCloexec      = 0x1
	mfdAllowSealing = 0x2
	fAddSeals       = 1033
	fGetSeals       = 1034
	allSeals        = 0x1 | 0x2 | 0x4 | 0x8 // F_SEAL_SEAL, _SHRINK, _GROW, _WRITE
)

// memfdCreate is the call's number; package syscall is older than the call on some architectures.
var memfdCreate = map[string]uintptr{
	"386": 356, "amd64": 319, "arm": 385, "arm64": 279, "loong64": 279, "mips": 4354, "mipsle": 4354, "mips64": 5314,
	"mips64le": 5314, "ppc64": 360, "ppc64le": 360, "riscv64": 279, "s390x": 350,
}

// NewMemoryFile makes a memory file that can be sealed.
func NewMemoryFile() (*os.File, error) {
	number, ok := memfdCreate[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("no memfd_create on %s", runtime.GOARCH)
	}
	name := append([]byte("hotgate-handover"), 0)
	fd, _, errno := syscall.Syscall(number, uintptr(unsafe.Pointer(&name[0])), mfdCloexec|mfdAllowSealing, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("memfd_create", errno)
	}
	return os.NewFile(fd, "hotgate-handover"), nil
}

// Seal makes sure that the file cannot change any more.
func Seal(file *os.File) error {
	return On(file, func(fd uintptr) error {
		_, err := Fcntl(fd, fAddSeals, allSeals)
		return os.NewSyscallError("fcntl F_ADD_SEALS", err)
	})
}

// OpenSealed takes a descriptor that was inherited, and refuses it unless the file is sealed against changes.
func OpenSealed(fd int) (*os.File, error) {
	if fd <= 2 {
		return nil, fmt.Errorf("descriptor %d cannot be a hand-over", fd)
	}
	seals, err := Fcntl(uintptr(fd), fGetSeals, 0)
	if err != nil || seals&allSeals != allSeals {
		return nil, fmt.Errorf("descriptor %d is not a sealed memory file", fd)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "hotgate-handover"), nil
}

// OpenPipe takes the pipe that a trial answers on.
func OpenPipe(fd int) (*os.File, error) {
	var info syscall.Stat_t
	if fd <= 2 || syscall.Fstat(fd, &info) != nil || info.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, errors.New("no pipe to report to")
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "hotgate-report"), nil
}

// OpenSocket takes the unix socket that a canary was given.
func OpenSocket(fd int) (*os.File, error) {
	name, err := syscall.Getsockname(fd)
	if _, ok := name.(*syscall.SockaddrUnix); fd <= 2 || err != nil || !ok {
		return nil, errors.New("no link to the old image")
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "hotgate-canary"), nil
}
