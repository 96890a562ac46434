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
)

// newImage draws an epoch, and continues the count of generations where an image handed over.
func newImage(from *received) (Image, error) {
	var epoch [16]byte
	if _, err := rand.Read(epoch[:]); err != nil {
		return Image{}, fmt.Errorf("goprobe: no random bytes for the epoch: %w", err)
	}
	image := Image{
		Epoch:              hex.EncodeToString(epoch[:]),
		Generation:         1,
		StartedAt:          stamp(time.Now()),
		StartedMonotonicNS: monotonic(),
		PID:                os.Getpid(),
		GoVersion:          runtime.Version(),
		GOOS:               runtime.GOOS,
		GOARCH:             runtime.GOARCH,
	}
	if from != nil {
		image.Generation = from.manifest.Generation + 1
		image.PreviousEpoch = from.manifest.Epoch
		image.Planned = !from.trial
		image.HandoverMonotonicNS = from.at
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		image.MainPath = bounds.Cut(info.Path)
		image.MainVersion = bounds.Cut(info.Main.Version)
	}
	image.GoBuildID, image.GNUBuildID = buildIDs()
	return image, nil
}
