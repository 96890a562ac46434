package signals

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/native"
	"hotgate/goprobe/internal/proc"
)

// FindHandlers lists the signals whose handler lies outside Go's text.
func FindHandlers() Handlers {
	facts := Handlers{Known: actionsKnown, Rows: []Handler{}}
	if !actionsKnown {
		return facts
	}
	var maps []proc.Mapping
	for number := 1; number <= 64; number++ {
		action, ok := signalAction(number)
		if !ok || action.handler <= 1 || runtime.FuncForPC(action.handler) != nil { // SIG_DFL, SIG_IGN, Go's
			continue
		}
		if signal := syscall.Signal(number); signal == 32 || signal == 33 || signal == 34 {
			if isOfThreads(action.handler, &maps) {
				continue // the C library's own, for pthread_cancel and setuid; see signal(7)
			}
		}
		row := Handler{
			Signal: Name(syscall.Signal(number)), Address: fmt.Sprintf("%#x", action.handler),
			Symbol: native.Symbol(action.handler),
		}
		if m := findMapping(action.handler, &maps); m != nil {
			row.Module, row.Offset = bounds.Cut(m.Path), fmt.Sprintf("%#x", uint64(action.handler)-m.Start+m.Offset)
		}
		facts.Rows = append(facts.Rows, row)
	}
	facts.Rows, facts.LeftOut = bounds.Head(facts.Rows)
	return facts
}

// findMapping finds what is mapped at an address; the list is read once.
func findMapping(address uintptr, maps *[]proc.Mapping) *proc.Mapping {
	if *maps == nil {
		*maps = proc.ReadMaps()
	}
	for i := range *maps {
		if m := &(*maps)[i]; uint64(address) >= m.Start && uint64(address) < m.End {
			return m
		}
	}
	return nil
}

func isOfThreads(handler uintptr, maps *[]proc.Mapping) bool {
	m := findMapping(handler, maps)
	return m != nil && (strings.Contains(m.Path, "/libc") || strings.Contains(m.Path, "/libpthread") ||
		strings.Contains(m.Path, "/ld-musl"))
}
