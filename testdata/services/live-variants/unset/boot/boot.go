// Package boot is where the start of a release can go wrong.
package boot

import (
	"errors"
	"os"

	"hotgate/goprobe"
)

// Begin fails where a setting is missing, and nobody has set it.
func Begin(*goprobe.Probe) error {
	if os.Getenv("LIVE_REGION") == "" {
		return errors.New("LIVE_REGION is not set")
	}
	return nil
}
