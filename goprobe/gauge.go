package goprobe

import (
	"sync"
	"time"

	"hotgate/goprobe/internal/bounds"
)

// askTimeout bounds how long the service's own functions may take to answer.
const askTimeout = 100 * time.Millisecond

// gauge is a number that the service tells. At most one call of it is under way, so that one that hangs piles up nothing.
type gauge struct {
	name     string
	limit    int64
	handover bool
	drained  bool // Upgrade waits for it by itself
	ask      func() int64
	busy     chan struct{}
}

type reading struct {
	*gauge
	count int64
	state string // "ok", "timeout" or "panicked"
}

// over tells whether PrepareExec would refuse work in flight for it.
func (r reading) over() bool { return r.state != "ok" || r.count > r.limit }

// lost tells whether PrepareExec would refuse tracked resources for it.
func (r reading) lost() bool { return r.state != "ok" || (r.count != 0 && !r.handover) }

func (g *gauge) read() reading {
	late := reading{g, -1, "timeout"}
	select {
	case g.busy <- struct{}{}:
	default:
		return late
	}
	result := make(chan reading, 1)
	go func() {
		r := reading{g, -1, "panicked"}
		defer func() {
			_ = recover() // the state already says so
			<-g.busy
			result <- r
		}()
		count := g.ask()
		r.count, r.state = count, "ok"
	}()
	timer := time.NewTimer(askTimeout)
	defer timer.Stop()
	select {
	case r := <-result:
		return r
	case <-timer.C:
		return late
	}
}

type gaugeSet struct {
	mu   sync.Mutex
	list []*gauge
}

// add registers a gauge and gives what takes it off again.
func (s *gaugeSet) add(name string, limit int64, handover bool, ask func() int64) (remove func()) {
	return s.put(&gauge{name: bounds.Cut(name), limit: limit, handover: handover, ask: ask})
}

func (s *gaugeSet) put(g *gauge) (remove func()) {
	g.busy = make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, g)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, other := range s.list {
			if other == g {
				s.list = append(s.list[:i:i], s.list[i+1:]...)
				return
			}
		}
	}
}

func (s *gaugeSet) read() []reading {
	s.mu.Lock()
	list := append([]*gauge(nil), s.list...)
	s.mu.Unlock()
	readings := make([]reading, len(list))
	var all sync.WaitGroup
	for i, g := range list {
		i, g := i, g
		all.Add(1)
		go func() {
			defer all.Done()
			readings[i] = g.read()
		}()
	}
	all.Wait()
	return readings
}
