//go:build !linux

package proc

// Memory is not known here.
func Memory(int) (bytes int64, known bool) { return 0, false }

// TakeFirst does nothing here.
func TakeFirst(int) {}
