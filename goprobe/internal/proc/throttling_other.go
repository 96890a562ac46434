//go:build !linux

package goprobe

func cpuThrottling() (periods, throttled uint64, known bool) { return 0, 0, false }
