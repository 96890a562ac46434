package signals

import (
	"syscall"
	"unsafe"
)

// kernelAction is struct sigaction of the kernel on 64-bit architectures that have sa_restorer, or have none and end
// earlier.
type kernelAction struct {
	handler  uintptr
	flags    uintptr
	restorer uintptr
	mask     uint64
}

// DropPendingSIGPROF throws away a SIGPROF that is pending: it would be delivered to the new image, which has no handler
// yet. Ignoring a signal does that (sigaction(2)); the handler is put back at once.
func DropPendingSIGPROF() {
	if !actionsKnown {
		return
	}
	Ignore(syscall.SIGPROF)()
}

// Ignore sets a signal's action to SIG_IGN, which survives execve(2), and gives what puts the old one back. It goes
// past os/signal: signal.Ignore would end every Notify of the service for that signal. Without a handler nothing is done.
func Ignore(number syscall.Signal) (restore func()) {
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
