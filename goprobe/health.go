package goprobe

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"sort"
	"sync"
	"time"

	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/proc"
)

const (
	maxHealthSamples = 30
	minGrowthSamples = 5
	goroutineFloor   = 100      // growth is relative to at least so many goroutines
	heapFloor        = 64 << 20 // waste is relative to at least so many bytes
)

type healthSample struct {
	at                 int64 // CLOCK_MONOTONIC, ns
	goroutines         int
	periods, throttled uint64
	cpuKnown           bool
}

// healthMemory keeps the samples that trends are read from, and every part's last score.
type healthMemory struct {
	mu      sync.Mutex
	samples []healthSample
	last    map[string]float64
}

func (h *healthMemory) sample() {
	s := healthSample{at: clock.Monotonic(), goroutines: runtime.NumGoroutine()}
	s.periods, s.throttled, s.cpuKnown = proc.CPUThrottling()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.samples = append(h.samples, s)
	if len(h.samples) > maxHealthSamples {
		h.samples = append([]healthSample(nil), h.samples[1:]...)
	}
}

func (h *healthMemory) wire(p *Probe) Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	parts := []HealthPart{
		throttlingPart(h.samples),
		growthPart(h.samples),
		fragmentationPart(),
		continuityPart(p),
	}
	answer := Health{Header: header("health"), Moment: now(), Epoch: p.image.Epoch, Parts: parts}
	if h.last == nil {
		h.last = map[string]float64{}
	}
	weights, sum := 0.0, 0.0
	for i := range parts {
		part := &parts[i]
		if part.Figure != nil {
			score := scoreOf(*part.Figure, part.Threshold, part.Limit)
			part.State, part.Score = "ok", &score
			h.last[part.Name] = score
			answer.Coverage += part.Weight
		} else if score, had := h.last[part.Name]; had {
			part.State, part.Score = "stale", &score
		} else {
			part.State = "absent"
			continue
		}
		weights += part.Weight
		sum += part.Weight * *part.Score
	}
	answer.Coverage = round(answer.Coverage)
	if weights > 0 {
		score := round(sum / weights)
		answer.Score = &score
	}
	return answer
}

// scoreOf is 100 up to the threshold and falls linearly to 0 at the limit, which may lie on either side.
func scoreOf(figure, threshold, limit float64) float64 {
	share := (figure - threshold) / (limit - threshold)
	return round(100 * (1 - math.Min(1, math.Max(0, share))))
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func figure(x float64) *float64 {
	x = round(x)
	return &x
}

func throttlingPart(samples []healthSample) HealthPart {
	part := HealthPart{
		Name: "cpu_throttling", Unit: "share of periods throttled", Threshold: 0.05, Limit: 0.5, Weight: 0.3,
		Reason: "the cgroup has no cpu.stat with periods",
	}
	if len(samples) == 0 || !samples[len(samples)-1].cpuKnown {
		return part
	}
	periods, throttled, known := proc.CPUThrottling()
	first := samples[0]
	switch {
	case !known || !first.cpuKnown || periods < first.periods || throttled < first.throttled:
	case periods == 0: // no group has a limit, so that nothing can be throttled
		part.Reason, part.Figure = "", figure(0)
	case periods == first.periods:
		part.Reason = "no period has passed since the first sample"
	default:
		part.Reason = ""
		part.Figure = figure(float64(throttled-first.throttled) / float64(periods-first.periods))
	}
	return part
}

// growthPart takes the median of the slopes between all pairs of samples (Theil and Sen), which a burst does not move.
func growthPart(samples []healthSample) HealthPart {
	part := HealthPart{Name: "goroutine_growth", Unit: "share per hour", Threshold: 0.5, Limit: 4, Weight: 0.25}
	if len(samples) < minGrowthSamples {
		part.Reason = fmt.Sprintf("%d of %d samples so far", len(samples), minGrowthSamples)
		return part
	}
	slopes, counts := []float64{}, []float64{}
	for i, a := range samples {
		counts = append(counts, float64(a.goroutines))
		for _, b := range samples[i+1:] {
			if b.at > a.at {
				slopes = append(slopes, float64(b.goroutines-a.goroutines)/float64(b.at-a.at))
			}
		}
	}
	if len(slopes) == 0 {
		part.Reason = "the samples are of one moment"
		return part
	}
	perHour := median(slopes) * float64(time.Hour)
	part.Figure = figure(math.Max(0, perHour) / math.Max(goroutineFloor, median(counts)))
	return part
}

func median(values []float64) float64 {
	sort.Float64s(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// fragmentationPart is the memory in spans of the heap that no object uses.
func fragmentationPart() HealthPart {
	part := HealthPart{Name: "heap_fragmentation", Unit: "share of heap bytes", Threshold: 0.5, Limit: 0.9, Weight: 0.15}
	read := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(read)
	if read[0].Value.Kind() != metrics.KindUint64 || read[1].Value.Kind() != metrics.KindUint64 {
		part.Reason = "the runtime does not tell"
		return part
	}
	objects, unused := float64(read[0].Value.Uint64()), float64(read[1].Value.Uint64())
	part.Figure = figure(unused / math.Max(heapFloor, objects+unused))
	return part
}

// continuityPart is the share of this image's windows that were recorded; those that gave way to another profile do not
// count either way.
func continuityPart(p *Probe) HealthPart {
	part := HealthPart{Name: "heartbeat_continuity", Unit: "share of windows", Threshold: 0.95, Limit: 0.5, Weight: 0.3}
	if !p.beat.enabled {
		part.Reason = "the heartbeat is switched off"
		return part
	}
	good, expected := 0, 0
	last := int64(0)
	interval := int64(p.options.HeartbeatInterval)
	for _, w := range p.beat.windows() {
		if w.Epoch != p.image.Epoch {
			continue
		}
		if last > 0 && w.StartMonotonicNS-last > interval*3/2 {
			expected += int((w.StartMonotonicNS-last)/interval) - 1
		}
		last = w.StartMonotonicNS
		switch w.State {
		case windowOK, windowShort:
			good, expected = good+1, expected+1
		case windowFailed:
			expected++
		}
	}
	if expected == 0 {
		part.Reason = "no window is finished yet"
		return part
	}
	part.Figure = figure(float64(good) / float64(expected))
	return part
}
