package goprobe

import (
	"errors"
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// Owners of the CPU profiler, as in Profiler.
const (
	ownerNone      = "none"
	ownerHeartbeat = "heartbeat"
	ownerEndpoint  = "endpoint"
	ownerOther     = "other"
	ownerHeld      = "held" // taken, but not running: an exec is near
)

var errProfilerBusy = errors.New("the CPU profiler was in use")

// profilerLock knows which of the probe's parts has the CPU profiler. There is one in the runtime, and whoever else has it is
// left alone.
type profilerLock struct {
	mu    sync.Mutex
	owner atomic.Value // string
}

func (l *profilerLock) current() string {
	if owner, ok := l.owner.Load().(string); ok {
		return owner
	}
	return ownerNone
}

func (l *profilerLock) start(owner string, w io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current() != ownerNone || pprof.StartCPUProfile(w) != nil {
		return errProfilerBusy
	}
	l.owner.Store(owner)
	return nil
}

func (l *profilerLock) stop(owner string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current() == owner {
		pprof.StopCPUProfile()
		l.owner.Store(ownerNone)
	}
}

// hold takes the profiler and stops its timer, so that until letGo nobody in this process can start a CPU profile: package
// runtime/pprof still sees one that runs.
func (l *profilerLock) hold() error {
	if err := l.start(ownerHeld, io.Discard); err != nil {
		return err
	}
	runtime.SetCPUProfileRate(0)
	return nil
}

func (l *profilerLock) letGo() { l.stop(ownerHeld) }

// facts says whether a profile runs and whose it is.
func (l *profilerLock) facts() Profiler {
	facts := Profiler{Owner: l.current(), Timer: profilingTimer()}
	switch {
	case facts.Owner == ownerHeartbeat || facts.Owner == ownerEndpoint:
		facts.Running = true
	case facts.Timer.Armed:
		facts.Running, facts.Owner = true, ownerOther
	default:
		facts.Owner = ownerNone
	}
	return facts
}
