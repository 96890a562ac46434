//go:build !linux

package goprobe

import (
	"errors"
	"syscall"
)

func profilingTimer() Timer       { return Timer{} }
func disarmProfilingTimer() error { return errors.New("no setitimer on this system") }
func dropPendingSIGPROF()         {}

func ignoreSignal(syscall.Signal) (restore func()) { return func() {} }
