package goprobe

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Options configure a probe; the zero value works.
type Options struct {
	// Token, if set, is what clients send as a bearer token. Without one, only loopback addresses are answered.
	Token string
	// Logger gets what the probe has to say; nil keeps it silent.
	Logger *slog.Logger

	// NoHeartbeat switches the collector off; rules on the profile's continuity are then without evidence.
	NoHeartbeat bool
	// HeartbeatInterval is the time from one window's start to the next; 60 s unless set, at least 1 s.
	HeartbeatInterval time.Duration
	// HeartbeatWindow is the length of a window; 6 s unless set, at most the interval.
	HeartbeatWindow time.Duration
	// HeartbeatRing is how many windows are kept; 30 unless set, at most 1000.
	HeartbeatRing int
	// HeartbeatDir, if set, keeps the windows in that directory, too, so that they outlive the image.
	HeartbeatDir string

	// StateLimit bounds the serialised state in bytes; 1 GiB unless set.
	StateLimit int64
}

const (
	defaultInterval   = 60 * time.Second
	defaultWindow     = 6 * time.Second
	defaultRing       = 30
	defaultStateLimit = 1 << 30
	maxRing           = 1000
	profileRate       = 100 // runtime/pprof starts every CPU profile at 100 Hz
)

// filled gives the options with defaults in place, or says which one cannot be.
func (o Options) filled() (Options, error) {
	if o.HeartbeatInterval == 0 {
		o.HeartbeatInterval = defaultInterval
	}
	if o.HeartbeatWindow == 0 {
		o.HeartbeatWindow = defaultWindow
		if o.HeartbeatWindow > o.HeartbeatInterval {
			o.HeartbeatWindow = o.HeartbeatInterval / 2
		}
	}
	if o.HeartbeatRing == 0 {
		o.HeartbeatRing = defaultRing
	}
	if o.StateLimit == 0 {
		o.StateLimit = defaultStateLimit
	}
	switch {
	case o.HeartbeatInterval < time.Second:
		return o, &OptionError{"HeartbeatInterval", fmt.Sprintf("%v is below 1s", o.HeartbeatInterval)}
	case o.HeartbeatWindow < 100*time.Millisecond || o.HeartbeatWindow > o.HeartbeatInterval:
		return o, &OptionError{"HeartbeatWindow",
			fmt.Sprintf("%v is not between 100ms and the interval of %v", o.HeartbeatWindow, o.HeartbeatInterval)}
	case o.HeartbeatRing < 1 || o.HeartbeatRing > maxRing:
		return o, &OptionError{"HeartbeatRing", fmt.Sprintf("%d is not between 1 and %d", o.HeartbeatRing, maxRing)}
	case o.StateLimit < 0:
		return o, &OptionError{"StateLimit", "it is negative"}
	case len(o.Token) > 0 && len(o.Token) < 16:
		return o, &OptionError{"Token", "a token shorter than 16 bytes can be guessed"}
	}
	if o.Logger == nil {
		o.Logger = slog.New(silent{})
	}
	return o, nil
}

// silent is a handler that is never enabled, so that nothing is even formatted.
type silent struct{}

func (silent) Enabled(context.Context, slog.Level) bool  { return false }
func (silent) Handle(context.Context, slog.Record) error { return nil }
func (s silent) WithAttrs([]slog.Attr) slog.Handler      { return s }
func (s silent) WithGroup(string) slog.Handler           { return s }
