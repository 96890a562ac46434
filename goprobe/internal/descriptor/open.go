package descriptor

// Open are the open descriptors, and by name those that exec would leave open without a hand-over.
type Open struct {
	Known       bool
	Open        int
	Limit       int64 // soft RLIMIT_NOFILE; -1 for none
	Scanned     int   // how many were asked for their flag
	Inheritable []Inheritable
	LeftOut     int
	// Listening are all listening stream sockets among those scanned.
	Listening        []Listening
	LeftOutListening int
}

// Inheritable is a descriptor without FD_CLOEXEC.
type Inheritable struct {
	FD     int
	Target string // what /proc/self/fd names, for example "socket:[4711]"
}

// Listening is a descriptor of a listening socket.
type Listening struct {
	FD          int
	Address     string // in the form of package net, "" if unknown
	Inode       uint64
	Inheritable bool
}
