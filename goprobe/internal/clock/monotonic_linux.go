package clock

import (
	"syscall"
	"unsafe"
)

const clockMonotonic = 1 // CLOCK_MONOTONIC, include/uapi/linux/time.h

// Monotonic is CLOCK_MONOTONIC in nanoseconds: one clock for all images of the process, unlike time.Time's.
func Monotonic() int64 {
	var t syscall.Timespec
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}
