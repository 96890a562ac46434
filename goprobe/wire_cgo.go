package goprobe

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
