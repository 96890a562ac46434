// Package boot is where the start of a release can go wrong.
package boot

import (
	"os"
	"time"

	"hotgate/goprobe"
)

// Begin waits for a file that nobody makes.
func Begin(*goprobe.Probe) error {
	for {
		if _, err := os.Stat("/nowhere/live.ready"); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}
