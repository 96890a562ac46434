package proc

import (
	"strconv"
	"strings"
)

// parseCPUStat reads the periods of the CPU limit out of a cgroup's cpu.stat; see cgroup-v2 of the kernel's documentation.
func parseCPUStat(text string) (periods, throttled uint64, ok bool) {
	found := 0
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, " ")
		number, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "nr_periods":
			periods = number
			found++
		case "nr_throttled":
			throttled = number
			found++
		}
	}
	return periods, throttled, found == 2
}
