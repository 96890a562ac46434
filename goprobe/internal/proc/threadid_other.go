//go:build !linux

package goprobe

func threadID() int { return -1 }
