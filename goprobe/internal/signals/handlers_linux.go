package goprobe

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"hotgate/goprobe/internal/bounds"
)

const maxMaps = 4 << 20

// handlerFacts lists the signals whose handler lies outside Go's text.
func handlerFacts() HandlerFacts {
	facts := HandlerFacts{Known: actionsKnown, Rows: []HandlerRow{}}
	if !actionsKnown {
		return facts
	}
	var maps []mapping
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
		row := HandlerRow{
			Signal: signalName(syscall.Signal(number)), Address: fmt.Sprintf("%#x", action.handler),
			Symbol: nativeSymbol(action.handler),
		}
		if m := findMapping(action.handler, &maps); m != nil {
			row.Module, row.Offset = bounds.Cut(m.path), fmt.Sprintf("%#x", uint64(action.handler)-m.start+m.offset)
		}
		facts.Rows = append(facts.Rows, row)
	}
	facts.Rows, facts.LeftOut = bounds.Head(facts.Rows)
	return facts
}

type mapping struct {
	start, end, offset uint64
	path               string
}

// findMapping finds what is mapped at an address; the list is read once.
func findMapping(address uintptr, maps *[]mapping) *mapping {
	if *maps == nil {
		*maps = readMaps()
	}
	for i := range *maps {
		if m := &(*maps)[i]; uint64(address) >= m.start && uint64(address) < m.end {
			return m
		}
	}
	return nil
}

// readMaps reads /proc/self/maps: address range, flags, offset, device, inode, path.
func readMaps() []mapping {
	maps := []mapping{}
	text, err := bounds.ReadFile("/proc/self/maps", maxMaps)
	if err != nil {
		return maps
	}
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.Contains(fields[1], "x") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		offset, err3 := strconv.ParseUint(fields[2], 16, 64)
		if err1 == nil && err2 == nil && err3 == nil {
			maps = append(maps, mapping{start, end, offset, strings.Join(fields[5:], " ")})
		}
	}
	return maps
}

func isOfThreads(handler uintptr, maps *[]mapping) bool {
	m := findMapping(handler, maps)
	return m != nil && (strings.Contains(m.path, "/libc") || strings.Contains(m.path, "/libpthread") ||
		strings.Contains(m.path, "/ld-musl"))
}
