//go:build linux

package goprobe

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotgate/goprobe/internal/handover"
)

// A program with a set-group-id bit, executed by somebody else, leaves a hand-over alone and refuses a trial.
func TestASetIDProgramTakesNothingOver(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make one that belongs to another group")
	}
	folder, err := os.MkdirTemp("", "goprobe-setid-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	var mount syscall.Statfs_t
	if err := syscall.Statfs(folder, &mount); err != nil || mount.Flags&2 != 0 { // ST_NOSUID, statvfs(3)
		t.Skip("set-id bits have no effect in the temporary directory")
	}
	program := filepath.Join(folder, "service")
	copyOf(t, "/proc/self/exe", program)
	for path, mode := range map[string]os.FileMode{folder: 0o755, program: 0o755 | os.ModeSetgid} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ trial, says string }{
		"an exec": {"", ""}, "a trial": {handover.TrialVariable + "=1", "AT_SECURE"},
	} {
		command := exec.Command("/bin/sh", "-c", takenOver, program)
		command.Dir = folder
		command.Env = append(os.Environ(), serviceVariable+"=start only", c.trial)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		command.WaitDelay = 10 * time.Second
		out, err := command.CombinedOutput()
		if (err != nil) != (c.says != "") || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	// The same file without the bit does look at the variable.
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("/bin/sh", "-c", takenOver, program)
	command.Env = append(os.Environ(), serviceVariable+"=start only")
	if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), "receive state") {
		t.Errorf("without the bit: %v: %s", err, out)
	}
}

// takenOver executes a program with the variable of a hand-over that is not there: who looks at it fails.
const takenOver = `HOTGATE_HANDOVER="1 pid=$$ fd=9999" exec "$0"`

func copyOf(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}
