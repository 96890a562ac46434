package proc

import (
	"strconv"
	"strings"

	"hotgate/goprobe/internal/bounds"
)

const maxMaps = 4 << 20

// Mapping is a part of a file that is mapped executable.
type Mapping struct {
	Start, End, Offset uint64
	Path               string
}

// ReadMaps reads /proc/self/maps: address range, flags, offset, device, inode, path.
func ReadMaps() []Mapping {
	maps := []Mapping{}
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
			maps = append(maps, Mapping{start, end, offset, strings.Join(fields[5:], " ")})
		}
	}
	return maps
}
