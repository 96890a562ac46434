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

	"hotgate/goprobe/internal/bounds"
)

const maxThreads = 4096

// Threads remembers which threads were seen in Go's code. Go's idle threads sleep in system calls that its own
// assembly makes; one that was never there is in C, by a call from Go or because C started it.
type Threads struct {
	mu     sync.Mutex
	seenGo map[int]bool
}

// Look goes through the threads once and gives those that were never seen in Go's code, and the number of all.
func (m *Threads) Look() (never []int, total int, ok bool) {
	folder, err := os.Open("/proc/self/task")
	if err != nil {
		return nil, 0, false
	}
	defer folder.Close()
	names, err := folder.Readdirnames(maxThreads)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[int]bool{}
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if m.seenGo[tid] || inGo(tid) {
			seen[tid] = true
		} else {
			never = append(never, tid)
		}
	}
	m.seenGo = seen
	sort.Ints(never)
	return never, len(names), true
}

// inGo tells whether a thread waits in a system call of Go's, or is this one: /proc/PID/task/TID/syscall has the call's
// number, its arguments, the stack pointer and the program counter; see proc(5).
func inGo(tid int) bool {
	if tid == ThreadID() {
		return true
	}
	text, err := bounds.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid), maxText)
	if err != nil {
		return false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 3 { // "running"
		return false
	}
	pc, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
	return err == nil && runtime.FuncForPC(uintptr(pc)) != nil
}

// Facts counts foreign threads: those of the process less those that the runtime made. Without cgo there cannot be any
// but through the kernel. inC is how many threads are in C calls, -1 when that is not known.
func (m *Threads) Facts(inC int, cgo bool) ThreadFacts {
	facts := ThreadFacts{Rows: []Thread{}}
	never, total, ok := m.Look()
	if !ok {
		return facts
	}
	facts.Known, facts.Total = true, total
	// One of the runtime's records is kept ready for a thread of C that calls into Go (runtime/proc.go, oneNewExtraM), and
	// has no thread of its own.
	made, _ := runtime.ThreadCreateProfile(nil)
	if cgo {
		made--
	}
	facts.Foreign = total - made
	if certain := len(never) - inC - running(never); inC >= 0 && certain > facts.Foreign {
		facts.Foreign = certain
	}
	if facts.Foreign < 0 {
		facts.Foreign = 0
	}
	facts.Go = total - facts.Foreign
	if facts.Foreign == 0 {
		return facts
	}
	for _, tid := range never {
		name, state := threadName(tid)
		facts.Rows = append(facts.Rows, Thread{TID: tid, Name: name, State: state, Certain: len(never) <= facts.Foreign})
	}
	facts.Rows, facts.LeftOut = bounds.Head(facts.Rows)
	return facts
}

// running counts threads that run right now: where, the system does not tell.
func running(tids []int) int {
	count := 0
	for _, tid := range tids {
		if _, state := threadName(tid); state == "R" {
			count++
		}
	}
	return count
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
