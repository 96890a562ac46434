package proc

import (
	"path/filepath"
	"strings"

	"hotgate/goprobe/internal/bounds"
)

const cgroupRoot = "/sys/fs/cgroup"

// CPUThrottling reads nr_periods and nr_throttled from cpu.stat of the process's cgroup v2, or of the nearest one above that
// counts periods: the limit may be set further up. Groups without a limit count none.
func CPUThrottling() (periods, throttled uint64, known bool) {
	text, err := bounds.ReadFile("/proc/self/cgroup", maxText)
	if err != nil {
		return 0, 0, false
	}
	for _, line := range strings.Split(string(text), "\n") {
		group, ok := strings.CutPrefix(line, "0::")
		if !ok {
			continue
		}
		for folder := filepath.Join(cgroupRoot, filepath.Clean("/"+group)); ; folder = filepath.Dir(folder) {
			if text, err := bounds.ReadFile(filepath.Join(folder, "cpu.stat"), maxText); err == nil {
				if counted, times, ok := parseCPUStat(string(text)); ok {
					periods, throttled, known = counted, times, true
				}
			}
			if periods > 0 || folder == cgroupRoot {
				return periods, throttled, known
			}
		}
	}
	return 0, 0, false
}
