//go:build linux && !amd64 && !arm64

package goprobe

const actionsKnown = false
