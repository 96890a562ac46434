package goprobe

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"hotgate/goprobe/internal/bounds"
)

const (
	runningImage   = "/proc/self/exe"
	maxProcText    = 64 << 10
	maxDescriptors = 4096 // that are asked for their flag
)

// procStatus reads fields of /proc/thread-self/status.
func procStatus() map[string]string {
	text, err := bounds.ReadFile("/proc/thread-self/status", maxProcText)
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

func threadCount(status map[string]string) int {
	if count, err := strconv.Atoi(status["Threads"]); err == nil {
		return count
	}
	return -1
}

// signalFacts reads the masks of ignored and blocked signals.
func signalFacts(status map[string]string) Signals {
	facts := Signals{Ignored: []string{}, Blocked: []string{}}
	ignored, err1 := strconv.ParseUint(status["SigIgn"], 16, 64)
	blocked, err2 := strconv.ParseUint(status["SigBlk"], 16, 64)
	facts.Known = err1 == nil && err2 == nil
	for number := 1; facts.Known && number <= 64; number++ {
		bit := uint64(1) << (number - 1)
		if ignored&bit != 0 {
			facts.Ignored = append(facts.Ignored, signalName(syscall.Signal(number)))
		}
		if blocked&bit != 0 {
			facts.Blocked = append(facts.Blocked, signalName(syscall.Signal(number)))
		}
	}
	return facts
}

// descriptorFacts counts the open descriptors, and lists those without FD_CLOEXEC and those that listen.
func descriptorFacts() Descriptors {
	facts := Descriptors{Inheritable: []DescriptorRow{}, Listening: []ListeningRow{}, Limit: -1}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil && limit.Cur <= math.MaxInt64 {
		facts.Limit = int64(limit.Cur)
	}
	folder, err := os.Open("/proc/self/fd")
	if err != nil {
		return facts
	}
	defer folder.Close()
	own := number(folder)
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
		flags, err := fcntl(uintptr(fd), syscall.F_GETFD, 0)
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
		facts.Inheritable = append(facts.Inheritable, DescriptorRow{FD: fd, Target: bounds.Cut(target)})
	}
	facts.Listening, facts.LeftOutListening = bounds.HeadOf(facts.Listening, bounds.MaxListeners)
	facts.Open = facts.Scanned
	// Past the scan's bound there may be more: since Linux 6.2 the folder's size is their number.
	if info, err := folder.Stat(); err == nil && int(info.Size())-1 > facts.Open {
		facts.Open = int(info.Size()) - 1
	}
	return facts
}
