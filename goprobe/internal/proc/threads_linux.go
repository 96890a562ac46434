package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"hotgate/goprobe/internal/bounds"
)

const (
	maxThreads = 4096
	looks      = 3 // after the first, as long as a thread seems to be foreign
	pause      = 20 * time.Millisecond
)

// Threads remembers which threads were seen in Go's code. Go's idle threads sleep in system calls that its own
// assembly makes; one that was never there is in C, by a call from Go or because C started it.
type Threads struct {
	mu     sync.Mutex
	seenGo map[int]bool
}

// sight is where a thread was when it was looked at.
type sight int

const (
	unclear sight = iota // it ran, or the system does not tell
	inGo                 // it waited in a system call of Go's
	outside              // it waited in a system call that other code made
)

// Sighting is one look at all threads: all of them; those that were never seen in Go's code; and of those the ones that
// wait outside of it.
type Sighting struct {
	all, never, outside []int
	ok                  bool
}

// Look goes through the threads once.
func (m *Threads) Look() Sighting {
	folder, err := os.Open("/proc/self/task")
	if err != nil {
		return Sighting{}
	}
	defer folder.Close()
	names, err := folder.Readdirnames(maxThreads)
	if err != nil && !errors.Is(err, io.EOF) {
		return Sighting{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	seen, found := map[int]bool{}, Sighting{ok: true}
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		found.all = append(found.all, tid)
		where := inGo
		if !m.seenGo[tid] {
			where = place(tid)
		}
		if where == inGo {
			seen[tid] = true
			continue
		}
		found.never = append(found.never, tid)
		if where == outside {
			found.outside = append(found.outside, tid)
		}
	}
	m.seenGo = seen
	return found
}

// place tells where a thread is; this one is in Go's code. /proc/PID/task/TID/syscall has the number of the call in which
// it waits, its arguments, the stack pointer and the program counter, or "running"; see proc(5). Its state in stat would
// be that of another moment: a thread of Go that ran may wait by then, and would be taken for one that waits in C.
func place(tid int) sight {
	if tid == ThreadID() {
		return inGo
	}
	text, err := bounds.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid), maxText)
	if err != nil {
		return unclear
	}
	fields := strings.Fields(string(text))
	if len(fields) < 3 { // "running"
		return unclear
	}
	pc, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
	if err != nil {
		return unclear
	}
	if runtime.FuncForPC(uintptr(pc)) != nil {
		return inGo
	}
	return outside
}

// Facts counts foreign threads: those of the process less those that the runtime made. Without cgo there cannot be any
// but through the kernel. inC tells how many threads are in C calls, -1 when that is not known.
//
// The runtime's threads come and go meanwhile: one that has just begun, or is about to end, is in code that is not Go's, and
// the runtime does not count it any more as it ends. So a thread is foreign that stays, and was not seen in Go's code at
// any look; where it seems that there is one, it is looked at again.
func (m *Threads) Facts(inC func() int, cgo bool) ThreadFacts {
	facts := ThreadFacts{Rows: []Thread{}}
	stay := m.Look()
	fewest, most := maxThreads, 0
	for look := 0; stay.ok && look < looks; look++ {
		if look > 0 {
			time.Sleep(pause)
		}
		made, calls := runtimeThreads(cgo), inC()
		now := m.Look()
		stay = Sighting{
			all: both(stay.all, now.all), never: both(stay.never, now.never), outside: both(stay.outside, now.outside),
			ok: now.ok,
		}
		facts.Known, facts.Total = now.ok, len(now.all)
		fewest, most = min(fewest, made), max(most, calls)
		facts.Foreign = max(min(len(stay.all)-fewest, len(stay.never)), 0)
		if calls >= 0 {
			facts.Foreign = max(facts.Foreign, len(stay.outside)-most)
		}
		if facts.Foreign == 0 {
			break
		}
	}
	if !facts.Known {
		return ThreadFacts{Rows: facts.Rows}
	}
	facts.Go = facts.Total - facts.Foreign
	if facts.Foreign == 0 {
		return facts
	}
	for _, tid := range stay.never {
		name, state := threadName(tid)
		facts.Rows = append(facts.Rows, Thread{TID: tid, Name: name, State: state, Certain: len(stay.never) <= facts.Foreign})
	}
	facts.Rows, facts.LeftOut = bounds.Head(facts.Rows)
	return facts
}

// runtimeThreads counts the threads that the runtime made. One of its records is kept ready for a thread of C that calls
// into Go (runtime/proc.go, oneNewExtraM), and has no thread of its own.
func runtimeThreads(cgo bool) int {
	made, _ := runtime.ThreadCreateProfile(nil)
	if cgo {
		made--
	}
	return made
}

// both gives what is in one and in the other, in order.
func both(one, other []int) []int {
	in := map[int]bool{}
	for _, tid := range one {
		in[tid] = true
	}
	var found []int
	for _, tid := range other {
		if in[tid] {
			found = append(found, tid)
		}
	}
	sort.Ints(found)
	return found
}

// threadName reads a thread's name and state from its stat, in which the name stands in parentheses and may hold any.
func threadName(tid int) (name, state string) {
	text, err := bounds.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid), maxText)
	if err != nil {
		return "", ""
	}
	line := string(text)
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open || end+2 >= len(line) {
		return "", ""
	}
	return bounds.Cut(line[open+1 : end]), line[end+2 : end+3]
}
