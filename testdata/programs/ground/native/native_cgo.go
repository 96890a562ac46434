//go:build cgo

// Package native calls C where cgo is on.
package native

/*
#include <stdint.h>

static __thread int64_t calls = 3;

static int64_t mix(int64_t n) {
	calls += 1;
	return n * 31 + calls;
}

static const char *label(int64_t n) {
	return n > 7 ? "mixer" : "plain";
}
*/
import "C"

// Mix calls a C function.
//
//go:noinline
func Mix(n int64) int64 { return int64(C.mix(C.int64_t(n))) }

// Label calls a C function that answers with a string constant.
//
//go:noinline
func Label(n int64) string { return C.GoString(C.label(C.int64_t(n))) }
