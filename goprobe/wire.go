package goprobe

// SchemaVersion is the version of every answer's shape. Fields may be added under the same version; a field that goes or
// changes its meaning raises it.
const SchemaVersion = "1"

// Header opens every answer.
type Header struct {
	SchemaVersion string `json:"schema_version"`
	// Kind is "status", "cgo", "heartbeat", "health" or "error".
	Kind string `json:"kind"`
}

// Moment is when an answer's facts were taken, on both clocks: the wall clock can step, CLOCK_MONOTONIC cannot and goes on
// through exec.
type Moment struct {
	Wall        string `json:"taken_at"` // RFC 3339 with nanoseconds, UTC
	MonotonicNS int64  `json:"taken_monotonic_ns"`
}

// Status is the answer of GET status.
type Status struct {
	Header
	Moment
	Image       Image       `json:"image"`
	Profiler    Profiler    `json:"profiler"`
	Cgo         CgoSummary  `json:"cgo"`
	Goroutines  int         `json:"goroutines"`
	Threads     int         `json:"threads"` // OS threads of the process; -1 where the system does not tell
	GC          GC          `json:"gc"`
	Signals     Signals     `json:"signals"`
	Listeners   Listeners   `json:"listeners"`
	Descriptors Descriptors `json:"descriptors"`
	InFlight    InFlight    `json:"in_flight"`
	Resources   Resources   `json:"resources"`
	State       States      `json:"state"`
	Update      Update      `json:"update"`
	Limits      Limits      `json:"limits"`
}

// Image identifies the program that runs now, apart from those that ran in this process before it.
type Image struct {
	Epoch      string `json:"epoch"`      // 128 random bits in hex, drawn at Start
	Generation int    `json:"generation"` // 1 for the first image, one more after each planned hand-over
	// PreviousEpoch is "" where no image announced this one.
	PreviousEpoch string `json:"previous_epoch"`
	// Planned is true when the image before handed over by Exec; a crash and restart leaves it false.
	Planned             bool   `json:"planned"`
	HandoverMonotonicNS int64  `json:"handover_monotonic_ns"` // when the old image called exec; 0 unless planned
	StartedAt           string `json:"started_at"`
	StartedMonotonicNS  int64  `json:"started_monotonic_ns"`
	PID                 int    `json:"pid"`
	GoVersion           string `json:"go_version"`
	GOOS                string `json:"goos"`
	GOARCH              string `json:"goarch"`
	MainPath            string `json:"main_path"`
	MainVersion         string `json:"main_version"`
	GoBuildID           string `json:"go_build_id"`  // note Go/4 of the running image; "" where there is none
	GNUBuildID          string `json:"gnu_build_id"` // note GNU/3 in hex; "" where there is none
}

// Profiler says whether a CPU profile runs, and whose. Its timer survives exec and its signal can kill the new image.
type Profiler struct {
	Running bool `json:"running"`
	// Owner is "none", "heartbeat" (this probe's collector), "endpoint" (a client of this probe's pprof) or "other".
	Owner string `json:"owner"`
	Timer Timer  `json:"itimer_prof"`
}

// Timer is ITIMER_PROF as getitimer(2) tells it.
type Timer struct {
	Known      bool  `json:"known"` // false where the system has no such call
	Armed      bool  `json:"armed"`
	IntervalUS int64 `json:"interval_us"`
	ValueUS    int64 `json:"value_us"`
}

// CgoSummary is what status says of C; GET cgo has the rest.
type CgoSummary struct {
	Built bool  `json:"built"` // false: built without cgo, and all C parts are absent
	Calls int64 `json:"calls"` // C calls so far, runtime.NumCgoCall
}

// GC says whether the collector marks right now.
type GC struct {
	Known   bool   `json:"known"` // false: the image has no symbol table to find runtime.writeBarrier by
	Marking bool   `json:"marking"`
	Cycles  uint64 `json:"cycles"`
	HeapUse uint64 `json:"heap_bytes"` // live and not yet swept objects
}

// Signals lists what a new image would inherit, and the reload signal that the service declared.
type Signals struct {
	Known   bool     `json:"known"`
	Ignored []string `json:"ignored"` // for example "SIGHUP"
	Blocked []string `json:"blocked"` // of the thread that answered
	Reload  Reload   `json:"reload"`
}

// Reload is the signal that makes the service update itself.
type Reload struct {
	Declared bool   `json:"declared"` // false: the service told the probe of none
	Signal   string `json:"signal"`
	Handled  bool   `json:"handled"`
}

// Listeners are the listening sockets registered for hand-over.
type Listeners struct {
	Rows    []ListenerRow `json:"rows"`
	LeftOut int           `json:"left_out"`
}

// ListenerRow is one of them.
type ListenerRow struct {
	Name      string `json:"name"`
	Network   string `json:"network"`
	Address   string `json:"address"`
	FD        int    `json:"fd"`    // of the descriptor that is handed over
	Inode     uint64 `json:"inode"` // of the socket, as in /proc/PID/fd and /proc/net
	Inherited bool   `json:"inherited"`
	Handover  bool   `json:"handover"` // Exec hands it over
}

// Descriptors are the open descriptors, and by name those that exec would leave open although nobody hands them over.
type Descriptors struct {
	Known       bool            `json:"known"`
	Open        int             `json:"open"`
	Limit       int64           `json:"limit"`   // soft RLIMIT_NOFILE; -1 for none
	Scanned     int             `json:"scanned"` // how many were asked for their flag
	Inheritable []DescriptorRow `json:"inheritable"`
	LeftOut     int             `json:"left_out"`
}

// DescriptorRow is one descriptor without FD_CLOEXEC.
type DescriptorRow struct {
	FD     int    `json:"fd"`
	Target string `json:"target"` // what /proc/self/fd names, for example "socket:[4711]"
}

// InFlight is the work under way; PrepareExec waits until each source is at or below its limit.
type InFlight struct {
	Count   int64         `json:"count"` // the sum
	Over    bool          `json:"over"`  // a source is above its limit, or could not be asked
	Rows    []InFlightRow `json:"rows"`
	LeftOut int           `json:"left_out"`
}

// InFlightRow is one source.
type InFlightRow struct {
	Name  string `json:"name"`
	Count int64  `json:"count"` // -1 unless state is "ok"
	Limit int64  `json:"limit"`
	State string `json:"state"` // "ok", "timeout" or "panicked"
}

// Resources are the C resources that the service declared with Track.
type Resources struct {
	Rows    []ResourceRow `json:"rows"`
	LeftOut int           `json:"left_out"`
}

// ResourceRow is one of them.
type ResourceRow struct {
	Name     string `json:"name"`
	Count    int64  `json:"count"`    // -1 unless state is "ok"
	Handover bool   `json:"handover"` // the service hands it over, so that it need not be 0
	State    string `json:"state"`    // "ok", "timeout" or "panicked"
}

// States are the registered states.
type States struct {
	Rows    []StateRow `json:"rows"`
	LeftOut int        `json:"left_out"`
}

// StateRow is one of them.
type StateRow struct {
	Name        string    `json:"name"`
	Version     int       `json:"version"`
	Accepts     []int     `json:"accepts"`     // versions that the codec can restore
	Type        string    `json:"type"`        // the Go type, package-qualified
	Fingerprint string    `json:"fingerprint"` // SHA-256 in hex of the type and all it reaches
	Codec       string    `json:"codec"`
	Handover    bool      `json:"handover"`
	Restored    *Restored `json:"restored"` // null unless this image got the state from the one before
}

// Restored says what the image before handed over.
type Restored struct {
	Version     int    `json:"version"`
	Fingerprint string `json:"fingerprint"` // of the type in the image before
	Bytes       int64  `json:"bytes"`
	Digest      string `json:"digest"` // SHA-256 in hex of the serialised state
}

// Update says where an update in this process stands.
type Update struct {
	// State is "serving", "draining", "preparing", "prepared", "trial" or "failed" (the last attempt failed; serving).
	State   string       `json:"state"`
	Refused []RefusalRow `json:"refused"` // reasons of the last attempt that was refused
	LeftOut int          `json:"left_out"`
	At      string       `json:"at"` // when the state was entered; "" when never
}

// RefusalRow is one reason why PrepareExec refused.
type RefusalRow struct {
	// Code is one of the Reason constants, for example "profile_running".
	Code    string `json:"code"`
	Subject string `json:"subject"`
	Message string `json:"message"`
}

// Limits bound what the endpoints do.
type Limits struct {
	Rows            int     `json:"rows"`             // of any list
	TextBytes       int     `json:"text_bytes"`       // of any string that the service or the system named
	RequestsPerSec  float64 `json:"requests_per_sec"` // beyond the burst: 429
	RequestsBurst   int     `json:"requests_burst"`
	Concurrent      int     `json:"concurrent"` // beyond: 503
	ProfileSeconds  int     `json:"profile_seconds"`
	TokenRequired   bool    `json:"token_required"`
	AnswerTimeoutMS int64   `json:"answer_timeout_ms"`
}

// Cgo is the answer of GET cgo. Without cgo, everything but Built and Threads.Total is null or unknown.
type Cgo struct {
	Header
	Moment
	Epoch    string       `json:"epoch"`
	Built    bool         `json:"built"`
	Canaries *Canaries    `json:"canaries"`
	Calls    CgoCalls     `json:"calls"`
	Threads  ThreadFacts  `json:"threads"`
	Heap     *CHeap       `json:"heap"`
	Handlers HandlerFacts `json:"signal_handlers"`
	Walk     *Walk        `json:"walk"`
}

// Canaries are values drawn at run time, kept in C storage and read back on the probe's own OS thread.
type Canaries struct {
	ThreadID    int    `json:"thread_id"`
	DrawnAt     string `json:"drawn_at"`
	ThreadLocal Canary `json:"thread_local"`
	Static      Canary `json:"static"`
}

// Canary is one of them.
type Canary struct {
	// State is "holds", "broken" or "unknown": the thread did not answer in time.
	State    string `json:"state"`
	Expected string `json:"expected"` // hex
	Found    string `json:"found"`    // hex, "" when unknown
	Reads    uint64 `json:"reads"`
}

// CgoCalls are goroutines with a C call on their stack.
type CgoCalls struct {
	Known   bool         `json:"known"`
	Count   int          `json:"count"` // of threads in C calls, the probe's own left out
	Rows    []CgoCallRow `json:"rows"`
	LeftOut int          `json:"left_out"` // of rows
	Skipped int          `json:"skipped"`  // goroutines that were not looked at; the count is a lower bound when not 0
}

// CgoCallRow is the threads that called the same C function from the same place.
type CgoCallRow struct {
	CFunction string   `json:"c_function"` // "" where the stack does not name it
	Caller    string   `json:"caller"`     // the Go function that called C
	File      string   `json:"file"`
	Line      int      `json:"line"`
	Count     int      `json:"count"`
	InGo      bool     `json:"in_go"` // C called back into Go, so its frames are below Go's
	Stack     []string `json:"stack"` // Go functions from the C call outwards, at most 8
}

// ThreadFacts are the OS threads of the process and those among them that Go did not start.
type ThreadFacts struct {
	Known   bool        `json:"known"`
	Total   int         `json:"total"`
	Go      int         `json:"go"`      // that the runtime counts as its own
	Foreign int         `json:"foreign"` // a lower bound: those that called back into Go count as Go's
	Rows    []ThreadRow `json:"rows"`
	LeftOut int         `json:"left_out"`
}

// ThreadRow is a thread that was never seen in Go code.
type ThreadRow struct {
	TID     int    `json:"tid"`
	Name    string `json:"name"`
	State   string `json:"state"`   // as in /proc/PID/stat, for example "S"
	Certain bool   `json:"certain"` // false: it may be a thread of Go in a C call
}

// CHeap is the C library's allocator, from mallinfo2(3).
type CHeap struct {
	Source   string `json:"source"` // "mallinfo2", or "mallinfo", whose figures wrap at 4 GiB
	InUse    uint64 `json:"in_use_bytes"`
	Mapped   uint64 `json:"mapped_bytes"`
	Free     uint64 `json:"free_bytes"`
	FromOS   uint64 `json:"from_system_bytes"`
	Releases uint64 `json:"releasable_bytes"`
}

// HandlerFacts are the signal handlers outside Go's text.
type HandlerFacts struct {
	Known   bool         `json:"known"`
	Rows    []HandlerRow `json:"rows"`
	LeftOut int          `json:"left_out"`
}

// HandlerRow is one of them.
type HandlerRow struct {
	Signal  string `json:"signal"`
	Address string `json:"address"` // hex with 0x
	Module  string `json:"module"`  // the mapped file, "" for none
	Offset  string `json:"offset"`  // of the address in that file, hex with 0x
	Symbol  string `json:"symbol"`  // as dladdr(3) names it; "" where it does not
}

// Walk compares C's walk over the frame pointers with Go's CallersFrames for the same call.
type Walk struct {
	// State is "agrees", "differs" or "unknown".
	State  string   `json:"state"`
	Reason string   `json:"reason"` // "" when it agrees
	C      []string `json:"c"`      // Go functions that C's walk came to, innermost first
	Go     []string `json:"go"`
	CDepth int      `json:"c_frames"` // frames of C before the first of Go
}

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

// ErrorAnswer is the answer with every status from 400 on.
type ErrorAnswer struct {
	Header
	Error ErrorBody `json:"error"`
}

// ErrorBody says what, and what next.
type ErrorBody struct {
	// Code is "bad_request", "unauthorized", "forbidden", "not_found", "method_not_allowed", "too_large",
	// "too_many_requests", "busy", "profiler_busy", "unavailable" or "timeout".
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}
