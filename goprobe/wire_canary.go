package goprobe

// CanaryStatus says how a canary stands, or how the last one of this process ended.
type CanaryStatus struct {
	// State is "starting", "running", "ending" (NEW drains, and the old image serves on), "promoting" (NEW drains, to be
	// executed in place), "ended" or "promoted" (NEW was executed in place: this image is it).
	State string `json:"state"`
	// Decision is "wait", "promote", "end" or "undecided", which ends it and says nothing against NEW.
	Decision string `json:"decision"`
	// Code tells what decided: one of the Canary constants, "" while nothing has.
	Code   string `json:"code"`
	Reason string `json:"reason"`

	Share float64 `json:"share"`
	ForNS int64   `json:"for_ns"`
	Over  bool    `json:"over"` // that long has passed

	StartedAt          string `json:"started_at"`
	StartedMonotonicNS int64  `json:"started_monotonic_ns"`
	ReadyMonotonicNS   int64  `json:"ready_monotonic_ns"`   // from when on NEW gets connections; 0 before
	DecidedMonotonicNS int64  `json:"decided_monotonic_ns"` // from when on it gets none; 0 before
	EndedMonotonicNS   int64  `json:"ended_monotonic_ns"`   // when its process was gone; 0 before

	Path       string `json:"path"`
	PID        int    `json:"pid"`   // of NEW's process
	Epoch      string `json:"epoch"` // of the image in it; it gets another one when it is executed in place
	GoBuildID  string `json:"go_build_id"`
	GNUBuildID string `json:"gnu_build_id"`

	SlowNS  int64         `json:"slow_ns"` // from which time on a request counts as slow; 0 while it is not known
	Old     CanarySide    `json:"old"`
	New     CanarySide    `json:"new"`
	Rules   []CanaryRule  `json:"rules"`
	Passing CanaryPassing `json:"passing"`
}

// CanarySide is what one side counted since NEW has been ready.
type CanarySide struct {
	Connections int64  `json:"connections"` // that it got
	Requests    uint64 `json:"requests"`    // that have ended
	Failed      uint64 `json:"failed"`
	UnderWay    uint64 `json:"under_way"`
	// Timed are the requests whose times are compared, of NEW those since the warm-up: those that have ended, and those that are
	// under way and slow already. Slow are those of them that are slow.
	Timed uint64 `json:"timed"`
	Slow  uint64 `json:"slow"`
	P50NS int64  `json:"p50_ns"` // half of the requests took less, to within an eighth; 0 without any
	P99NS int64  `json:"p99_ns"`
}

// CanaryRule compares the two sides, as the rollback watch compares after with before.
type CanaryRule struct {
	Name  string `json:"name"` // "failures" or "latency"
	Bad   uint64 `json:"bad"`  // of NEW
	Total uint64 `json:"total"`
	// BadBeside and TotalBeside are the old image's, of the same time.
	BadBeside   uint64  `json:"bad_beside"`
	TotalBeside uint64  `json:"total_beside"`
	Chance      float64 `json:"chance"` // the probability of Bad or more if both sides were alike
	Fires       bool    `json:"fires"`
}

// CanaryPassing says what became of the connections that the listeners accepted.
type CanaryPassing struct {
	Accepted  int64 `json:"accepted"`
	Passed    int64 `json:"passed"`     // to NEW, less those that it did not take
	Waiting   int64 `json:"waiting"`    // of those: NEW's service has not accepted them yet
	GivenBack int64 `json:"given_back"` // NEW did not accept them, and this image serves them
	Moved     int64 `json:"moved"`      // changes of an address from one side to the other
	Open      int64 `json:"open"`       // at NEW, by its last report
	Cut       int64 `json:"cut"`        // that ended with NEW's process; at most so many
}
