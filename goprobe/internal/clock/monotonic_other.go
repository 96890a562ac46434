//go:build !linux

package goprobe

import "time"

var began = time.Now()

// monotonic is nanoseconds since this image began: without Linux's clock there is none that outlives exec.
func monotonic() int64 { return int64(time.Since(began)) }
