// Package boot is where the start of a release can go wrong.
package boot

import (
	"errors"

	"hotgate/goprobe"
)

// Begin fails: this release wants a setting that nobody set.
func Begin(*goprobe.Probe) error { return errors.New("LIVE_REGION is not set") }
