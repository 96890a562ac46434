package proc

import "syscall"

// ThreadID is the number of the thread that asks, -1 where the system does not tell.
func ThreadID() int { return syscall.Gettid() }
