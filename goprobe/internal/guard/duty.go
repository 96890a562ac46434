package guard

import (
	"context"
	"sync"
	"time"
)

// What looks at every goroutine costs the service time, however few ask for it: it gets one part in dutyShare of a CPU.
const (
	dutyShare = 20
	dutyMost  = 5 * time.Second // the longest rest
)

// Duty gives an expensive kind of work its share: one at a time, and a rest after each, so that work and
// rest together take dutyShare times as long as the work.
type Duty struct {
	mu   sync.Mutex
	busy bool
	rest time.Time // until when
}

// Begin tells whether the work may be done now; End must follow it then.
func (d *Duty) Begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy || time.Now().Before(d.rest) {
		return false
	}
	d.busy = true
	return true
}

// End begins the rest.
func (d *Duty) End(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rest := took * (dutyShare - 1)
	if rest > dutyMost {
		rest = dutyMost
	}
	d.busy, d.rest = false, time.Now().Add(rest)
}

// Memory keeps the last answer of an expensive kind for the time in which no new one may be made; its time is in it.
type Memory[T any] struct {
	work Duty

	mu    sync.Mutex
	last  T
	ready chan struct{} // of the newest answer: closed once it is there
}

// Get gives a new answer when it may be made, and otherwise the last; false when ctx ended before there was one.
func (m *Memory[T]) Get(ctx context.Context, gather func() T) (T, bool) {
	m.mu.Lock()
	mine := m.work.Begin()
	if mine {
		m.ready = make(chan struct{})
	}
	ready := m.ready
	m.mu.Unlock()
	if mine {
		begun := time.Now()
		answer := gather()
		m.mu.Lock()
		m.last = answer
		m.work.End(time.Since(begun))
		m.mu.Unlock()
		close(ready)
		return answer, true
	}
	select {
	case <-ready:
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.last, true
	case <-ctx.Done():
		var none T
		return none, false
	}
}
