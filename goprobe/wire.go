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
	Connections Connections `json:"connections"`
	// Canary is null unless this image started one, or was one that was promoted.
	Canary *CanaryStatus `json:"canary"`
	Update Update        `json:"update"`
	Limits Limits        `json:"limits"`
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

// Descriptors are the open descriptors, and by name those that exec would leave open without a hand-over.
type Descriptors struct {
	Known       bool            `json:"known"`
	Open        int             `json:"open"`
	Limit       int64           `json:"limit"`   // soft RLIMIT_NOFILE; -1 for none
	Scanned     int             `json:"scanned"` // how many were asked for their flag
	Inheritable []DescriptorRow `json:"inheritable"`
	LeftOut     int             `json:"left_out"`
	// Listening are all listening stream sockets among those scanned, whether the service told the probe of them or not.
	Listening        []ListeningRow `json:"listening"`
	LeftOutListening int            `json:"left_out_listening"`
}

// ListeningRow is a descriptor of a listening socket. Several may belong to one socket, which its inode tells.
type ListeningRow struct {
	FD          int    `json:"fd"`
	Address     string `json:"address"`     // "127.0.0.1:8080", the path of a unix socket, "@name" for an abstract one; "" if unknown
	Inode       uint64 `json:"inode"`       // as in /proc/PID/fd and /proc/net
	Inheritable bool   `json:"inheritable"` // it has no FD_CLOEXEC: exec leaves it open
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
	// Drained is true for requests of servers that Serve runs: Upgrade drains those and waits for their requests itself.
	Drained bool `json:"drained"`
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
	// State is "serving", "canary" (NEW serves beside it), "draining", "preparing", "prepared", "trial" or "failed" (the last
	// attempt failed; serving).
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
	Rows            int     `json:"rows"`             // of any list but those of listeners
	TextBytes       int     `json:"text_bytes"`       // of any string that the service or the system named
	RequestsPerSec  float64 `json:"requests_per_sec"` // beyond the burst: 429
	RequestsBurst   int     `json:"requests_burst"`
	Concurrent      int     `json:"concurrent"` // beyond: 503
	ProfileSeconds  int     `json:"profile_seconds"`
	TokenRequired   bool    `json:"token_required"`
	AnswerTimeoutMS int64   `json:"answer_timeout_ms"`
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
