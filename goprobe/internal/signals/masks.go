package signals

import (
	"strconv"
	"syscall"
)

// Masks are what a new image would inherit.
type Masks struct {
	Known   bool
	Ignored []string // for example "SIGHUP"
	Blocked []string // of the thread that answered
}

// ReadMasks reads the masks of ignored and blocked signals out of the status that /proc tells; without one they are unknown.
func ReadMasks(status map[string]string) Masks {
	facts := Masks{Ignored: []string{}, Blocked: []string{}}
	ignored, err1 := strconv.ParseUint(status["SigIgn"], 16, 64)
	blocked, err2 := strconv.ParseUint(status["SigBlk"], 16, 64)
	facts.Known = err1 == nil && err2 == nil
	for number := 1; facts.Known && number <= 64; number++ {
		bit := uint64(1) << (number - 1)
		if ignored&bit != 0 {
			facts.Ignored = append(facts.Ignored, Name(syscall.Signal(number)))
		}
		if blocked&bit != 0 {
			facts.Blocked = append(facts.Blocked, Name(syscall.Signal(number)))
		}
	}
	return facts
}
