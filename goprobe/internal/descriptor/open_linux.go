package descriptor

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"syscall"

	"hotgate/goprobe/internal/bounds"
)

const maxDescriptors = 4096 // that are asked for their flag

// Find counts the open descriptors, and lists those without FD_CLOEXEC and those that listen.
func Find() Open {
	facts := Open{Inheritable: []Inheritable{}, Listening: []Listening{}, Limit: -1}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil && limit.Cur <= math.MaxInt64 {
		facts.Limit = int64(limit.Cur)
	}
	folder, err := os.Open("/proc/self/fd")
	if err != nil {
		return facts
	}
	defer folder.Close()
	own := Number(folder)
	names, err := folder.Readdirnames(maxDescriptors)
	if err != nil && !errors.Is(err, io.EOF) {
		return facts
	}
	facts.Known = true
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd == own {
			continue
		}
		facts.Scanned++
		flags, err := Fcntl(uintptr(fd), syscall.F_GETFD, 0)
		if row, ok := listeningRow(fd, err == nil && flags&syscall.FD_CLOEXEC == 0); ok {
			facts.Listening = append(facts.Listening, row)
		}
		if fd <= 2 || err != nil || flags&syscall.FD_CLOEXEC != 0 {
			continue
		}
		if len(facts.Inheritable) == bounds.MaxRows {
			facts.LeftOut++
			continue
		}
		target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			continue
		}
		facts.Inheritable = append(facts.Inheritable, Inheritable{FD: fd, Target: bounds.Cut(target)})
	}
	facts.Listening, facts.LeftOutListening = bounds.HeadOf(facts.Listening, bounds.MaxListeners)
	facts.Open = facts.Scanned
	// Past the scan's bound there may be more: since Linux 6.2 the folder's size is their number.
	if info, err := folder.Stat(); err == nil && int(info.Size())-1 > facts.Open {
		facts.Open = int(info.Size()) - 1
	}
	return facts
}
