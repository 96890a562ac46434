//go:build !linux

package proc

// CPUThrottling is not known here.
func CPUThrottling() (periods, throttled uint64, known bool) { return 0, 0, false }
