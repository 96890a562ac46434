package native

import (
	"runtime"
	"sort"
	"strings"

	"hotgate/goprobe/internal/bounds"
)

// maxGoroutines bounds how many goroutines one answer looks at.
const maxGoroutines = 200_000

const maxStack = 8

// FindCalls finds the goroutines with a C call on their stack: runtime.cgocall calls C on the thread that the goroutine
// runs on, and stays on the stack until C returns, also while C calls back into Go.
func FindCalls() Calls {
	facts := Calls{Rows: []Call{}}
	if !Built {
		return facts
	}
	records := make([]runtime.StackRecord, runtime.NumGoroutine()+64)
	for {
		if len(records) > maxGoroutines {
			records = records[:maxGoroutines]
		}
		n, ok := runtime.GoroutineProfile(records)
		if ok {
			records = records[:n]
			break
		}
		if n > maxGoroutines {
			facts.Skipped = n // the runtime gives all of them or none
			return facts
		}
		records = make([]runtime.StackRecord, n+n/8+64)
	}
	facts.Known = true
	cutOff := false
	rows := map[[maxStack + 4]uintptr]*Call{}
	names := map[uintptr]string{}
	for i := range records {
		stack := records[i].Stack()
		row, key := callOf(stack, names)
		if row == nil {
			cutOff = cutOff || len(stack) == len(records[i].Stack0)
			continue
		}
		facts.Count++
		if same := rows[key]; same != nil {
			same.Count++
		} else {
			rows[key] = row
		}
	}
	for _, row := range rows {
		facts.Rows = append(facts.Rows, *row)
	}
	if cutOff {
		facts.addDeep()
	}
	sort.Slice(facts.Rows, func(i, j int) bool {
		a, b := &facts.Rows[i], &facts.Rows[j]
		if a.Count != b.Count {
			return a.Count > b.Count
		}
		return a.Caller+a.CFunction < b.Caller+b.CFunction
	})
	facts.Rows, facts.LeftOut = bounds.Head(facts.Rows)
	return facts
}

// maxDump bounds the text of all stacks.
const maxDump = 16 << 20

// addDeep counts calls whose frames lie below those that a record holds: C called back into Go, which went on deep from
// there. The text of the stacks has more frames; it stops the world, so it is only taken when a record was cut off.
func (c *Calls) addDeep() {
	dump := make([]byte, 1<<20)
	n := runtime.Stack(dump, true)
	for n == len(dump) && len(dump) < maxDump {
		dump = make([]byte, 4*len(dump))
		n = runtime.Stack(dump, true)
	}
	if n == len(dump) {
		c.Skipped++
		return
	}
	found := 0
	for _, stack := range strings.Split(string(dump[:n]), "\n\n") {
		// The text leaves runtime.cgocall out; cgo's stubs are always right above it.
		stub := strings.Contains(stack, "._Cfunc_") || strings.Contains(stack, "._C2func_")
		if stub && !strings.Contains(stack, "._Cfunc_hotgate_") {
			found++
		} else if strings.Contains(stack, " frames elided...") {
			c.Skipped++ // runtime.Stack leaves out the middle of more than 100
		}
	}
	if found > c.Count {
		c.Rows = append(c.Rows, Call{Count: found - c.Count, InGo: true, Caller: "deep in Go", Stack: []string{}})
		c.Count = found
	}
}

// callOf describes the C call on a stack, nil where there is none. The probe's own calls are left out.
func callOf(stack []uintptr, names map[uintptr]string) (*Call, [maxStack + 4]uintptr) {
	var key [maxStack + 4]uintptr
	at := -1
	for i, pc := range stack {
		name, ok := names[pc]
		if !ok {
			if f := runtime.FuncForPC(pc - 1); f != nil {
				name = f.Name()
			}
			names[pc] = name
		}
		if name == "runtime.cgocall" {
			at = i
		}
	}
	if at < 0 || at+1 >= len(stack) {
		return nil, key
	}
	copy(key[:], stack[at:])
	row := &Call{Count: 1, InGo: at > 0, Stack: []string{}}
	frames := runtime.CallersFrames(stack[at+1:])
	for more := true; more && len(row.Stack) < maxStack; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if frame.Function == "" {
			break
		}
		row.Stack = append(row.Stack, bounds.Cut(frame.Function))
		c, isStub := stubOf(frame.Function)
		switch {
		case isStub && row.CFunction == "":
			row.CFunction = bounds.Cut(c)
		case row.Caller == "" && !isClosureOfStub(frame.Function):
			row.Caller, row.File, row.Line = bounds.Cut(frame.Function), bounds.Cut(frame.File), frame.Line
		}
	}
	if strings.HasPrefix(row.CFunction, "hotgate_") {
		return nil, key
	}
	return row, key
}

// stubOf tells whether a function is a stub of cgo's (cmd/cgo, out.go), and the C function that it calls.
func stubOf(function string) (c string, ok bool) {
	for _, prefix := range []string{"._Cfunc_", "._C2func_"} {
		if i := strings.LastIndex(function, prefix); i >= 0 {
			return function[i+len(prefix):], true
		}
	}
	return "", false
}

// isClosureOfStub tells whether a function is one that cgo wraps around a call to check its pointers.
func isClosureOfStub(function string) bool { return strings.Contains(function, "._cgoCheck") }
