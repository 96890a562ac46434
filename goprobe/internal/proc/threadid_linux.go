package goprobe

import "syscall"

func threadID() int { return syscall.Gettid() }
