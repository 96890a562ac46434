package goprobe

import (
	"errors"
	"fmt"
	"strings"
)

// ErrStopped is what a probe's methods return after Stop.
var ErrStopped = errors.New("goprobe: the probe was stopped")

// ErrBusy is returned when another update or preparation is under way.
var ErrBusy = errors.New("goprobe: another update is under way; wait for it, or call CancelExec")

// Reasons why an attempt failed; PrepareExec refuses with those up to ReasonConnections.
const (
	ReasonCCalls         = "c_calls"         // threads are in C calls
	ReasonResources      = "resources"       // tracked resources without a hand-over
	ReasonInFlight       = "in_flight"       // work above its limit
	ReasonProfileRunning = "profile_running" // a CPU profile that is not the probe's
	ReasonTimerArmed     = "timer_armed"     // ITIMER_PROF would survive exec
	ReasonState          = "state"           // a state could not be serialised
	ReasonCannotTell     = "cannot_tell"     // a source did not answer in time
	ReasonConnections    = "connections"     // loops of kept connections did not stop between two messages
	ReasonTrial          = "trial"           // the new image did not come up in its trial
	ReasonExec           = "exec"            // the system refused to execute it
	ReasonDrain          = "drain"           // connections or work did not end in time
	ReasonCanary         = "canary"          // the new image was not good enough beside the old one
)

// Reason is one reason why an exec would lose something.
type Reason struct {
	Code    string // one of the Reason constants
	Subject string // what it is about
	Message string
}

// NotReadyError is returned by PrepareExec when a reason holds on until its deadline. The image serves on.
type NotReadyError struct{ Reasons []Reason }

func (e *NotReadyError) Error() string {
	texts := make([]string, 0, len(e.Reasons))
	for i, r := range e.Reasons {
		if i == 5 {
			texts = append(texts, fmt.Sprintf("and %d more", len(e.Reasons)-i))
			break
		}
		texts = append(texts, r.Message)
	}
	return "goprobe: not ready for exec: " + strings.Join(texts, "; ")
}

// Has tells whether a reason with that code is among them.
func (e *NotReadyError) Has(code string) bool {
	for _, r := range e.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// ExecError is returned when exec itself failed. All was rolled back: the image serves on.
type ExecError struct {
	Path string
	Err  error
}

func (e *ExecError) Error() string {
	return fmt.Sprintf("goprobe: exec %s: %v; the old image serves on", e.Path, e.Err)
}

// Unwrap gives the system's error.
func (e *ExecError) Unwrap() error { return e.Err }

// TrialError is returned when the new image did not come up in its trial. The image serves on.
type TrialError struct {
	Path    string
	Problem string // for example "it did not get ready within 10s and was killed"
	Output  string // the end of what it wrote to standard error, at most 2 KiB
	Err     error  // may be nil
}

func (e *TrialError) Error() string {
	text := fmt.Sprintf("goprobe: trial of %s: %s; the old image serves on", e.Path, e.Problem)
	if e.Output != "" {
		text += "\n" + e.Output
	}
	return text
}

// Unwrap gives what lies behind it, if anything.
func (e *TrialError) Unwrap() error { return e.Err }

// StateError is returned when a state cannot be serialised or restored.
type StateError struct {
	Name string // "" where the hand-over as a whole is damaged
	Op   string // "encode", "decode", "commit", "register", "register connections" or "receive"
	Err  error
}

func (e *StateError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("goprobe: %s state: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("goprobe: %s state %q: %v", e.Op, e.Name, e.Err)
}

// Unwrap gives the codec's error.
func (e *StateError) Unwrap() error { return e.Err }

// BindError is returned when the endpoints would be open to other hosts without a token.
type BindError struct{ Address string }

func (e *BindError) Error() string {
	return fmt.Sprintf("goprobe: %s is not a loopback address: set Options.Token, or listen on 127.0.0.1", e.Address)
}

// OptionError names an option that cannot be as it is.
type OptionError struct{ Option, Problem string }

func (e *OptionError) Error() string {
	if strings.Contains(e.Option, ".") { // of other options than Options
		return fmt.Sprintf("goprobe: %s: %s", e.Option, e.Problem)
	}
	return fmt.Sprintf("goprobe: Options.%s: %s", e.Option, e.Problem)
}

// reasonsOf gives what an attempt's status says about why it failed.
func reasonsOf(err error) []Reason {
	var refused *NotReadyError
	var state *StateError
	var trial *TrialError
	var exec *ExecError
	var canary *CanaryError
	var option *OptionError
	switch {
	case errors.As(err, &refused):
		return refused.Reasons
	case errors.As(err, &state):
		return []Reason{{ReasonState, state.Name, state.Error()}}
	case errors.As(err, &trial):
		return []Reason{{ReasonTrial, trial.Path, trial.Problem}}
	case errors.As(err, &exec):
		return []Reason{{ReasonExec, exec.Path, exec.Error()}}
	case errors.As(err, &option):
		return []Reason{{ReasonCanary, option.Option, option.Error()}}
	case errors.As(err, &canary):
		return []Reason{{ReasonCanary, canary.Path, canary.Status.Reason}}
	case err != nil:
		return []Reason{{ReasonDrain, "", err.Error()}}
	}
	return nil
}
