package goprobe

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/image"
)

// newImage draws an epoch, and continues the count of generations where an image handed over.
func newImage(from *handover.Received) (Image, error) {
	var epoch [16]byte
	if _, err := rand.Read(epoch[:]); err != nil {
		return Image{}, fmt.Errorf("goprobe: no random bytes for the epoch: %w", err)
	}
	own := Image{
		Epoch:              hex.EncodeToString(epoch[:]),
		Generation:         1,
		StartedAt:          stamp(time.Now()),
		StartedMonotonicNS: clock.Monotonic(),
		PID:                os.Getpid(),
		GoVersion:          runtime.Version(),
		GOOS:               runtime.GOOS,
		GOARCH:             runtime.GOARCH,
	}
	if from != nil {
		own.Generation = from.Manifest.Generation + 1
		own.PreviousEpoch = from.Manifest.Epoch
		own.Planned = !from.Trial && !from.IsCanary()
		own.HandoverMonotonicNS = from.At
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		own.MainPath = bounds.Cut(info.Path)
		own.MainVersion = bounds.Cut(info.Main.Version)
	}
	own.GoBuildID, own.GNUBuildID = image.BuildIDs()
	return own, nil
}
