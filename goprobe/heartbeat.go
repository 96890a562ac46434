package goprobe

import (
	"bytes"
	"context"
	"sync"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/profile"
)

// States of the collector, as in Heartbeat.
const (
	beatWaiting   = "waiting"
	beatRecording = "recording"
	beatPaused    = "paused"
	beatStopped   = "stopped"
)

// States of a window.
const (
	windowOK      = "ok"
	windowShort   = "short"
	windowYielded = "yielded"
	windowFailed  = "failed"
)

// stopPatience is how long Stop waits for the collector: profiles end within some 0.2 s, a directory may never answer.
const stopPatience = 5 * time.Second

// window is a Window with its profile, which lies in memory or in a file.
type window struct {
	Window
	profile []byte
	path    string
}

// collector takes a CPU profile window every interval.
type collector struct {
	p       *Probe
	enabled bool
	dir     *windowDir // nil without one

	mu        sync.Mutex
	state     string
	recorded  chan struct{} // closed when the window that is open ends
	saving    bool          // a window is being written to the directory
	paused    bool
	interrupt chan struct{} // closed to end the window that is open
	ring      []*window
	next      uint64

	started  bool
	quit     chan struct{}
	finished chan struct{}
}

func newCollector(p *Probe, enabled bool) *collector {
	c := &collector{
		p: p, enabled: enabled, state: beatStopped, next: 1,
		interrupt: make(chan struct{}), quit: make(chan struct{}), finished: make(chan struct{}),
	}
	if p.from != nil && p.from.Manifest.NextSeq > 0 {
		c.next = p.from.Manifest.NextSeq
	}
	if p.options.HeartbeatDir != "" && !p.Trial() && !p.Canary() {
		c.dir = &windowDir{path: p.options.HeartbeatDir, keep: p.options.HeartbeatRing, logger: p.options.Logger, write: writeWhole}
		c.ring = c.dir.load()
	}
	return c
}

func (c *collector) start() {
	c.started = true
	c.state = beatWaiting
	go c.run()
}

func (c *collector) stop() {
	if !c.started {
		return
	}
	close(c.quit)
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-c.finished:
	case <-timer.C: // the directory does not answer; the collector ends when it does
	}
	c.mu.Lock()
	c.state = beatStopped
	c.mu.Unlock()
}

func (c *collector) run() {
	defer close(c.finished)
	interval := c.p.options.HeartbeatInterval
	due := time.Now()
	for {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-c.quit:
			timer.Stop()
			return
		case <-timer.C:
		}
		c.p.health.sample()
		c.p.threads.Look()
		if c.enabled {
			c.record()
		}
		due = due.Add(interval)
		if late := time.Since(due); late > 0 { // the process was stopped for a while: windows are not made up for
			due = due.Add(late.Truncate(interval) + interval)
		}
	}
}

// record takes one window, unless an update is under way.
func (c *collector) record() {
	c.mu.Lock()
	if c.paused {
		c.mu.Unlock()
		return
	}
	c.state = beatRecording
	interrupt, recorded := c.interrupt, make(chan struct{})
	c.recorded = recorded
	w := &window{Window: Window{
		Seq: c.next, Epoch: c.p.image.Epoch, Generation: c.p.image.Generation, RateHz: profileRate,
	}}
	c.next++
	c.mu.Unlock()

	c.take(w, interrupt)

	c.mu.Lock()
	c.ring = append(c.ring, w)
	if over := len(c.ring) - c.p.options.HeartbeatRing; over > 0 {
		c.ring = append([]*window(nil), c.ring[over:]...)
	}
	c.state = beatWaiting
	if c.paused {
		c.state = beatPaused
	}
	c.saving = c.dir != nil
	close(recorded)
	c.mu.Unlock()
	if c.dir != nil {
		c.save(w)
	}
}

// save writes a window to the directory, and then forgets its profile in memory. Readers may have the window meanwhile, so
// another one takes its place.
func (c *collector) save(w *window) {
	saved := *w
	c.dir.save(&saved)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saving = false
	for i := range c.ring {
		if c.ring[i] == w {
			c.ring = append([]*window(nil), c.ring...)
			c.ring[i] = &saved
		}
	}
}

// obstacle is a window on its way to the directory. Exec waits for all threads to end, and one that is stuck in a system
// call that nothing interrupts, as with a file server that is gone, would keep it from ever returning or starting the
// new image.
func (c *collector) obstacle() []Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.saving {
		return nil
	}
	return []Reason{{ReasonCannotTell, "HeartbeatDir", "a heartbeat window is being written, and HeartbeatDir does not answer"}}
}

func (c *collector) take(w *window, interrupt <-chan struct{}) {
	var out bytes.Buffer
	start, cpu := now(), clock.CPUSeconds()
	w.StartedAt, w.StartMonotonicNS = start.Wall, start.MonotonicNS
	w.State = windowOK
	err := c.p.profiler.Start(profile.OwnerHeartbeat, &out)
	if err == nil {
		timer := time.NewTimer(c.p.options.HeartbeatWindow)
		select {
		case <-timer.C:
		case <-interrupt:
			w.State, w.Reason = windowShort, "an update closed it"
		case <-c.quit:
			w.State, w.Reason = windowShort, "Stop closed it"
		}
		timer.Stop()
	}
	// The end is taken before the profiler is stopped: that waits until its buffers are drained, and samples nothing.
	end := now()
	w.EndedAt, w.EndMonotonicNS = end.Wall, end.MonotonicNS
	w.DurationNS = end.MonotonicNS - start.MonotonicNS
	w.CPUSeconds = clock.CPUSeconds() - cpu
	if err != nil {
		w.State, w.Reason, w.DurationNS = windowYielded, err.Error(), 0
		return
	}
	c.p.profiler.Stop(profile.OwnerHeartbeat)
	samples, err := profile.CountSamples(out.Bytes())
	if err != nil {
		w.State, w.Reason = windowFailed, bounds.Cut(err.Error())
		return
	}
	w.Samples, w.Bytes, w.profile = samples, int64(out.Len()), out.Bytes()
}

// pause closes the open window and takes none until resume. It waits until the profile is stopped, or gives the context's
// error, with the pause still on.
func (c *collector) pause(ctx context.Context) error {
	c.mu.Lock()
	if !c.paused {
		c.paused = true
		close(c.interrupt)
		c.interrupt = make(chan struct{})
	}
	if c.state == beatWaiting {
		c.state = beatPaused
	}
	recording, recorded := c.state == beatRecording, c.recorded
	c.mu.Unlock()
	if !recording {
		return nil
	}
	select {
	case <-recorded:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *collector) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = false
	if c.state == beatPaused {
		c.state = beatWaiting
	}
}

func (c *collector) nextSeq() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

// windows gives those that are kept, oldest first.
func (c *collector) windows() []*window {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*window(nil), c.ring...)
}

func (c *collector) wire() Heartbeat {
	o := c.p.options
	answer := Heartbeat{
		Header: header("heartbeat"), Moment: now(), Epoch: c.p.image.Epoch, Generation: c.p.image.Generation,
		Enabled: c.enabled, CPUSeconds: clock.CPUSeconds(), Windows: []Window{},
		Settings: Settings{
			IntervalNS: int64(o.HeartbeatInterval), WindowNS: int64(o.HeartbeatWindow), RateHz: profileRate,
			Ring: o.HeartbeatRing, Persistent: c.dir != nil,
		},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	answer.State, answer.NextSeq = c.state, c.next
	for _, w := range c.ring {
		answer.Windows = append(answer.Windows, w.Window)
	}
	return answer
}
