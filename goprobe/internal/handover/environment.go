package handover

import (
	"os"
	"strconv"
	"strings"
)

// ListenFDsStart is the first descriptor that a service manager passes: SD_LISTEN_FDS_START of sd_listen_fds(3).
const ListenFDsStart = 3

// WithVariables replaces the variables of a hand-over. Those of sd_listen_fds(3) are added when the listeners lie where it
// expects them, which they do after socket activation as long as none was added. Of a variable that comes twice the last
// one counts, as in os/exec, which runs the trial: a program of Go would take the first.
func WithVariables(env []string, variable string, handed []Listener) []string {
	out := make([]string, 0, len(env)+4)
	at := map[string]int{}
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case Variable, TrialVariable, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES":
			continue
		}
		if i, ok := at[name]; ok {
			out[i] = entry
			continue
		}
		at[name] = len(out)
		out = append(out, entry)
	}
	if variable != "" {
		out = append(out, variable)
	}
	names := map[int]string{}
	for _, l := range handed {
		names[l.FD] = strings.Map(func(r rune) rune {
			if r == ':' || r < ' ' {
				return '-'
			}
			return r
		}, l.Name)
	}
	list := []string{}
	for fd := ListenFDsStart; ; fd++ {
		name, ok := names[fd]
		if !ok {
			break
		}
		list = append(list, name)
	}
	if len(list) > 0 && len(list) == len(names) {
		out = append(out, "LISTEN_PID="+strconv.Itoa(os.Getpid()), "LISTEN_FDS="+strconv.Itoa(len(list)),
			"LISTEN_FDNAMES="+strings.Join(list, ":"))
	}
	return out
}

var activationVariables = []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}

// Activation reads the variables of sd_listen_fds(3): how many descriptors the service manager passed, at most so many, and
// their names.
func Activation(most int) (count int, names []string) {
	pid, number, list := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	if pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	count, err := strconv.Atoi(number)
	if err != nil || count < 0 || count > most {
		return 0, nil
	}
	if list != "" {
		names = strings.Split(list, ":")
	}
	return count, names
}

// ForgetActivation takes the variables out of the environment, so that no child takes the descriptors for its own.
func ForgetActivation() {
	for _, name := range activationVariables {
		_ = os.Unsetenv(name)
	}
}
