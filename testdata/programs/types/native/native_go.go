//go:build !cgo

// Package native makes the program need the C linker where cgo is on.
package native

// One is 1.
func One() int { return 1 }
