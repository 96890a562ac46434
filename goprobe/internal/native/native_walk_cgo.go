//go:build cgo

package native

/*
#include "native.h"
*/
import "C"

import (
	"runtime"
	"runtime/cgo"
	"strings"

	"hotgate/goprobe/internal/bounds"
)

const maxWalk = 64

// walked is what both sides see of one call into C.
type walked struct {
	c    []uintptr
	goes []uintptr
}

//export hotgateWalked
func hotgateWalked(handle C.uintptr_t) {
	w := cgo.Handle(handle).Value().(*walked)
	pcs := make([]uintptr, maxWalk)
	w.goes = pcs[:runtime.Callers(1, pcs)]
}

// Walk calls C, which walks the frame pointers out into Go's frames and then calls back into Go, which unwinds the same
// call with its own tables.
func (n *Thread) Walk() *Walk {
	result := make(chan *Walk, 1)
	if !n.ask(func() { result <- walkThrough() }) {
		if n == nil {
			return nil
		}
		return &Walk{State: "unknown", Reason: "the probe's thread did not answer", C: []string{}, Go: []string{}}
	}
	return <-result
}

func walkThrough() *Walk { return rawWalk().compare() }

//go:noinline
func rawWalk() *walked {
	w := &walked{}
	handle := cgo.NewHandle(w)
	defer handle.Delete()
	var pcs [maxWalk]C.uintptr_t
	count := int(C.hotgate_walk(&pcs[0], maxWalk, C.uintptr_t(handle)))
	for _, pc := range pcs[:count] {
		w.c = append(w.c, uintptr(pc))
	}
	return w
}

// compare holds the Go functions from the call into C outwards against each other.
func (w *walked) compare() *Walk {
	facts := &Walk{State: "unknown", C: []string{}, Go: []string{}}
	var all []string
	all, facts.CDepth = goNames(w.c)
	facts.C = fromCall(all)
	all, _ = goNames(w.goes)
	facts.Go = fromCall(all)
	switch {
	case len(facts.Go) == 0:
		facts.State, facts.Reason = "differs", "Go's walk did not get through the boundary"
	case len(w.c) == 0 || len(facts.C) == 0:
		facts.Reason = "C's walk found no frame of Go: the system may forbid process_vm_readv, or there are no frame pointers"
		if facts.CDepth > 0 && len(all) > 0 && len(facts.C) == 0 && len(w.c) > facts.CDepth {
			facts.State = "differs"
		}
	case strings.Join(facts.C, "\n") != strings.Join(facts.Go, "\n"):
		facts.State, facts.Reason = "differs", "the two walks name other functions"
	default:
		facts.State = "agrees"
	}
	return facts
}

// goNames names the Go functions of a walk, inlined ones included, and counts the frames before the first.
func goNames(pcs []uintptr) (names []string, before int) {
	for before < len(pcs) && runtime.FuncForPC(pcs[before]-1) == nil {
		before++
	}
	if before == len(pcs) {
		return nil, before
	}
	frames := runtime.CallersFrames(pcs[before:])
	for {
		frame, more := frames.Next()
		if frame.Function != "" {
			names = append(names, bounds.Cut(frame.Function))
		}
		if !more {
			return names, before
		}
	}
}

// fromCall takes the names from the stub of the call into C on. What the runtime has between the stub and C is its own, and
// the two walks see different parts of it.
func fromCall(names []string) []string {
	for i, name := range names {
		if strings.HasSuffix(name, "._Cfunc_hotgate_walk") {
			rest := []string{}
			for _, name := range names[i:] {
				if name != "runtime.goexit" {
					rest = append(rest, name)
				}
			}
			return rest
		}
	}
	return []string{}
}
