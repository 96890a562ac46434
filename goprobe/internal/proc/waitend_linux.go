package proc

import (
	"syscall"
	"unsafe"
)

// WaitForEnd waits until a child has ended and leaves it to be waited for, so that its number stays taken: waitid(2) with
// P_PID, WEXITED and WNOWAIT.
func WaitForEnd(pid int) {
	const pPID, wExited, wNoWait = 1, 0x4, 0x1000000
	var info [128]byte // siginfo_t
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(pid), uintptr(unsafe.Pointer(&info)),
			wExited|wNoWait, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
