//go:build !cgo

// Package native calls C where cgo is on.
package native

// Mix is the fallback.
//
//go:noinline
func Mix(n int64) int64 { return n*31 + 4 }

// Label is the fallback.
//
//go:noinline
func Label(n int64) string {
	if n > 7 {
		return "mixer"
	}
	return "plain"
}
