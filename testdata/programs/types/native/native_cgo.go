//go:build cgo

// Package native makes the program need the C linker where cgo is on.
package native

// static int one(void) { return 1; }
import "C"

// One is 1, by way of C.
func One() int { return int(C.one()) }
