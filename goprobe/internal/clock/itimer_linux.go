package clock

import (
	"os"
	"syscall"
	"unsafe"
)

const itimerProf = 2 // ITIMER_PROF, include/uapi/linux/time.h

type itimerval struct {
	Interval syscall.Timeval
	Value    syscall.Timeval
}

// ProfilingTimer asks getitimer(2). Go arms ITIMER_PROF for every CPU profile, beside a timer of timer_create(2) for each
// of its threads (runtime/signal_unix.go, setProcessCPUProfilerTimer); exec deletes those, but keeps this one.
func ProfilingTimer() Timer {
	var t itimerval
	if _, _, errno := syscall.RawSyscall(syscall.SYS_GETITIMER, itimerProf, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return Timer{}
	}
	us := func(v syscall.Timeval) int64 { return int64(v.Sec)*1_000_000 + int64(v.Usec) }
	timer := Timer{Known: true, IntervalUS: us(t.Interval), ValueUS: us(t.Value)}
	timer.Armed = timer.IntervalUS != 0 || timer.ValueUS != 0
	return timer
}

// DisarmProfilingTimer stops it.
func DisarmProfilingTimer() error {
	var t itimerval
	_, _, errno := syscall.RawSyscall(syscall.SYS_SETITIMER, itimerProf, uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return os.NewSyscallError("setitimer", errno)
	}
	return nil
}
