package goprobe

import (
	"syscall"
	"testing"
	"unsafe"

	"hotgate/goprobe/internal/clock"
)

// armTimer arms ITIMER_PROF once.
func armTimer(t *testing.T, seconds int64) {
	t.Helper()
	const itimerProf = 2 // ITIMER_PROF, include/uapi/linux/time.h
	value := struct{ Interval, Value syscall.Timeval }{Value: syscall.NsecToTimeval(seconds * 1e9)}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETITIMER, itimerProf, uintptr(unsafe.Pointer(&value)), 0); errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() { _ = clock.DisarmProfilingTimer() })
}
