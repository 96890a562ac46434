//go:build !linux

package clock

import "time"

var began = time.Now()

// Monotonic is nanoseconds since this image began: without Linux's clock there is none that outlives exec.
func Monotonic() int64 { return int64(time.Since(began)) }
