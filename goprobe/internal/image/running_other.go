//go:build !linux

package image

import "os"

var running, _ = os.Executable()
