package goprobe

import (
	"syscall"
	"testing"
	"unsafe"
)

// armTimer arms ITIMER_PROF once.
func armTimer(t *testing.T, seconds int64) {
	t.Helper()
	value := itimerval{Value: syscall.Timeval{Sec: seconds}}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETITIMER, itimerProf, uintptr(unsafe.Pointer(&value)), 0); errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() { _ = disarmProfilingTimer() })
}
