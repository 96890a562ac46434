// Package profile has the runtime's CPU profiler, for one part of the probe at a time, and reads the profiles that it gives.
package profile

import (
	"errors"
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// Owners of the CPU profiler.
const (
	OwnerNone      = "none"
	OwnerHeartbeat = "heartbeat"
	OwnerEndpoint  = "endpoint"
	OwnerOther     = "other"
	OwnerHeld      = "held" // taken, but not running: an exec is near
)

var errBusy = errors.New("the CPU profiler was in use")

// Lock knows which of the probe's parts has the CPU profiler. There is one in the runtime, and any other owner is
// left alone.
type Lock struct {
	mu    sync.Mutex
	owner atomic.Value // string
}

// Current is the owner.
func (l *Lock) Current() string {
	if owner, ok := l.owner.Load().(string); ok {
		return owner
	}
	return OwnerNone
}

// Start starts a profile, or says that the profiler is taken.
func (l *Lock) Start(owner string, w io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Current() != OwnerNone || pprof.StartCPUProfile(w) != nil {
		return errBusy
	}
	l.owner.Store(owner)
	return nil
}

// Stop ends the owner's profile; it does nothing when the profiler is not its own.
func (l *Lock) Stop(owner string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Current() == owner {
		pprof.StopCPUProfile()
		l.owner.Store(OwnerNone)
	}
}

// Hold takes the profiler and stops its timer, so that until LetGo nothing in this process can start a CPU profile: package
// runtime/pprof still sees one that runs.
func (l *Lock) Hold() error {
	if err := l.Start(OwnerHeld, io.Discard); err != nil {
		return err
	}
	runtime.SetCPUProfileRate(0)
	return nil
}

// LetGo gives back what Hold took.
func (l *Lock) LetGo() { l.Stop(OwnerHeld) }
