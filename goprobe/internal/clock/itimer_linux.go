package goprobe

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

// profilingTimer asks getitimer(2). Go arms ITIMER_PROF for every CPU profile, beside a timer of timer_create(2) for each
// of its threads (runtime/signal_unix.go, setProcessCPUProfilerTimer); exec deletes those, but keeps this one.
func profilingTimer() Timer {
	var t itimerval
	if _, _, errno := syscall.RawSyscall(syscall.SYS_GETITIMER, itimerProf, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return Timer{}
	}
	us := func(v syscall.Timeval) int64 { return int64(v.Sec)*1_000_000 + int64(v.Usec) }
	timer := Timer{Known: true, IntervalUS: us(t.Interval), ValueUS: us(t.Value)}
	timer.Armed = timer.IntervalUS != 0 || timer.ValueUS != 0
	return timer
}

func disarmProfilingTimer() error {
	var t itimerval
	_, _, errno := syscall.RawSyscall(syscall.SYS_SETITIMER, itimerProf, uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return os.NewSyscallError("setitimer", errno)
	}
	return nil
}

// kernelAction is struct sigaction of the kernel on 64-bit architectures that have sa_restorer, or have none and end
// earlier.
type kernelAction struct {
	handler  uintptr
	flags    uintptr
	restorer uintptr
	mask     uint64
}

// dropPendingSIGPROF throws away a SIGPROF that is pending: it would be delivered to the new image, which has no handler
// yet. Ignoring a signal does that (sigaction(2)); the handler is put back at once.
func dropPendingSIGPROF() {
	if !actionsKnown {
		return
	}
	ignoreSignal(syscall.SIGPROF)()
}

// ignoreSignal sets a signal's action to SIG_IGN, which survives execve(2), and gives what puts the old one back. It goes
// past os/signal: signal.Ignore would end every Notify of the service for that signal. Without a handler nothing is done.
func ignoreSignal(number syscall.Signal) (restore func()) {
	old, ok := kernelAction{}, false
	if actionsKnown && number > 0 {
		old, ok = signalAction(int(number))
	}
	if !ok || old.handler <= 1 {
		return func() {}
	}
	ignore := old
	ignore.handler = 1 // SIG_IGN
	setSignalAction(number, &ignore)
	return func() { setSignalAction(number, &old) }
}

func setSignalAction(number syscall.Signal, action *kernelAction) {
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(action)), 0, 8, 0, 0)
}

// signalAction asks sigaction(2) without changing anything.
func signalAction(number int) (kernelAction, bool) {
	var action kernelAction
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(number), 0, uintptr(unsafe.Pointer(&action)), 8, 0, 0)
	return action, errno == 0
}
