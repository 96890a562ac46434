//go:build !linux

package clock

import "errors"

// ProfilingTimer does not know here.
func ProfilingTimer() Timer { return Timer{} }

// DisarmProfilingTimer cannot do it here.
func DisarmProfilingTimer() error { return errors.New("no setitimer on this system") }
