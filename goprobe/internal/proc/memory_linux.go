package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"hotgate/goprobe/internal/bounds"
)

// Memory is how many bytes of memory a process has resident: the second field of /proc/PID/statm, in pages; see proc(5).
func Memory(pid int) (bytes int64, known bool) {
	text, err := bounds.ReadFile(fmt.Sprintf("/proc/%d/statm", pid), maxText)
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}

// TakeFirst lets the kernel end that process before others when memory is short: /proc/PID/oom_score_adj at its most.
func TakeFirst(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0) // raising it is always allowed
}
