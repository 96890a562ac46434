// Package native is what the probe has in C: canaries in C storage, kept on an OS thread of its own; what the C library's
// allocator says; a walk over the frame pointers; and which goroutines are in C calls. Built without cgo all of it is
// absent.
package native

import "time"

// Canaries are values drawn at run time, kept in C storage and read back on the probe's own OS thread.
type Canaries struct {
	ThreadID    int
	DrawnAt     time.Time
	ThreadLocal Canary
	Static      Canary
}

// Canary is one of them.
type Canary struct {
	State    string // "holds", "broken" or "unknown": the thread did not answer in time
	Expected string // hex
	Found    string // hex, "" when unknown
	Reads    uint64
}

// Heap is the C library's allocator, from mallinfo2(3); all but the first are bytes.
type Heap struct {
	Source   string // "mallinfo2", or "mallinfo", whose figures wrap at 4 GiB
	InUse    uint64
	Mapped   uint64
	Free     uint64
	FromOS   uint64
	Releases uint64
}

// Walk compares C's walk over the frame pointers with Go's CallersFrames for the same call.
type Walk struct {
	State  string // "agrees", "differs" or "unknown"
	Reason string // "" when it agrees
	C      []string
	Go     []string
	CDepth int // frames of C before the first of Go
}

// Calls are goroutines with a C call on their stack.
type Calls struct {
	Known   bool
	Count   int // of threads in C calls, the probe's own left out
	Rows    []Call
	LeftOut int // of rows
	Skipped int // goroutines that were not looked at; the count is a lower bound when not 0
}

// Call is the threads that called the same C function from the same place.
type Call struct {
	CFunction string // "" where the stack does not name it
	Caller    string // the Go function that called C
	File      string
	Line      int
	Count     int
	InGo      bool     // C called back into Go, so its frames are below Go's
	Stack     []string // Go functions from the C call outwards, at most 8
}
