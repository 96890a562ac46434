//go:build linux && !amd64 && !arm64

package signals

const actionsKnown = false
