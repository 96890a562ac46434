package proc

import (
	"strconv"
	"strings"

	"hotgate/goprobe/internal/bounds"
)

const maxText = 64 << 10 // of any file of /proc but maps

// Status reads fields of /proc/thread-self/status.
func Status() map[string]string {
	text, err := bounds.ReadFile("/proc/thread-self/status", maxText)
	if err != nil {
		return nil
	}
	fields := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

// ThreadCount is the number of OS threads in a Status, -1 where it is not told.
func ThreadCount(status map[string]string) int {
	if count, err := strconv.Atoi(status["Threads"]); err == nil {
		return count
	}
	return -1
}
