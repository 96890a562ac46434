package goprobe

// Heartbeat is the answer of GET heartbeat.
type Heartbeat struct {
	Header
	Moment
	Epoch      string   `json:"epoch"`
	Generation int      `json:"generation"`
	Enabled    bool     `json:"enabled"`
	State      string   `json:"state"` // "waiting", "recording", "paused" (during an update) or "stopped"
	Settings   Settings `json:"settings"`
	NextSeq    uint64   `json:"next_seq"`
	CPUSeconds float64  `json:"cpu_seconds"` // of the process since it was made, exec included
	Windows    []Window `json:"windows"`     // oldest first
	LeftOut    int      `json:"left_out"`
}

// Settings are those of the collector.
type Settings struct {
	IntervalNS int64 `json:"interval_ns"`
	WindowNS   int64 `json:"window_ns"`
	RateHz     int   `json:"rate_hz"`
	Ring       int   `json:"ring"`
	Persistent bool  `json:"persistent"` // windows are kept in a directory, too
}

// Window is one window of the CPU profile. Numbers go on across planned hand-overs; after a crash they start at 1 again
// under another epoch.
type Window struct {
	Seq              uint64  `json:"seq"`
	Epoch            string  `json:"epoch"`
	Generation       int     `json:"generation"`
	StartedAt        string  `json:"started_at"`
	EndedAt          string  `json:"ended_at"`
	StartMonotonicNS int64   `json:"start_monotonic_ns"`
	EndMonotonicNS   int64   `json:"end_monotonic_ns"`
	DurationNS       int64   `json:"duration_ns"`
	RateHz           int     `json:"rate_hz"`
	Samples          int64   `json:"samples"`
	CPUSeconds       float64 `json:"cpu_seconds"` // user and system time of the process inside the window
	Bytes            int64   `json:"bytes"`       // of the profile as served; 0 unless it is there to be fetched
	// State is "ok", "short" (closed early by an update or Stop), "yielded" (the profiler was taken) or "failed".
	State  string `json:"state"`
	Reason string `json:"reason"`
}

// Health is the answer of GET healthz, with status 200 whatever the score.
type Health struct {
	Header
	Moment
	Epoch    string       `json:"epoch"`
	Score    *float64     `json:"score"`    // 0 to 100, the weighted mean of the parts that have one; null without any
	Coverage float64      `json:"coverage"` // 0 to 1: the weight of the parts in state "ok"
	Parts    []HealthPart `json:"parts"`
}

// HealthPart is one part. Its score is 100 while the figure is at or better than the threshold, and falls linearly to 0 at
// the limit.
type HealthPart struct {
	Name      string   `json:"name"`   // "cpu_throttling", "goroutine_growth", "heap_fragmentation", "heartbeat_continuity"
	State     string   `json:"state"`  // "ok", "stale" (had data; counts with its last score) or "absent"
	Reason    string   `json:"reason"` // why it is not ok
	Figure    *float64 `json:"figure"`
	Unit      string   `json:"unit"`
	Threshold float64  `json:"threshold"`
	Limit     float64  `json:"limit"`
	Weight    float64  `json:"weight"`
	Score     *float64 `json:"score"`
}
