//go:build !linux

package signals

import "syscall"

// DropPendingSIGPROF has nothing to do where there is no hand-over.
func DropPendingSIGPROF() {}

// Ignore has nothing to do where there is no hand-over.
func Ignore(syscall.Signal) (restore func()) { return func() {} }
