//go:build !cgo

package store

func native(n int) int { return 2 * n }
