// Package proc asks the system about this process and its threads, on Linux mostly in /proc.
package proc

// ThreadFacts are the OS threads of the process and those among them that Go did not start.
type ThreadFacts struct {
	Known   bool
	Total   int
	Go      int // that the runtime counts as its own
	Foreign int // a lower bound: those that called back into Go count as Go's
	Rows    []Thread
	LeftOut int
}

// Thread is one that was never seen in Go code.
type Thread struct {
	TID     int
	Name    string
	State   string // as in /proc/PID/stat, for example "S"
	Certain bool   // false: it may be a thread of Go in a C call
}
