//go:build !linux

package goprobe

import "errors"

func profilingTimer() Timer       { return Timer{} }
func disarmProfilingTimer() error { return errors.New("no setitimer on this system") }
func dropPendingSIGPROF()         {}
