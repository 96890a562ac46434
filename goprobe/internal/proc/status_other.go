//go:build !linux

package proc

// Status is not told here.
func Status() map[string]string { return nil }

// ThreadCount is not told here.
func ThreadCount(map[string]string) int { return -1 }
