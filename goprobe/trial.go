package goprobe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/proc"
)

const (
	defaultTrialTimeout = 10 * time.Second
	maxReport           = 16 << 10
	maxTrialOutput      = 2 << 10
)

// trial runs the new image as a child that gets the states but no listeners, and is to end in Ready.
type trial struct {
	program *program
	argv    []string
	env     []string
	timeout time.Duration
	file    *os.File
	digest  string
}

func (t trial) run(ctx context.Context) error {
	if t.timeout <= 0 {
		t.timeout = defaultTrialTimeout
	}
	fail := func(problem string, err error, output *tail) error {
		return &TrialError{Path: t.program.path, Problem: problem, Err: err, Output: output.String()}
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return fail("no pipe: "+err.Error(), err, nil)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()

	output := &tail{limit: maxTrialOutput}
	command := exec.CommandContext(ctx, t.program.path)
	if t.argv != nil {
		command.Args = t.argv
	} else {
		command.Args = os.Args
	}
	environment := t.env
	if environment == nil {
		environment = os.Environ()
	}
	variable := fmt.Sprintf("%s=1 pid=%d fd=3 report=4", handover.Variable, os.Getpid())
	command.Env = append(handover.WithVariables(environment, variable, nil), handover.TrialVariable+"=1")
	command.ExtraFiles = []*os.File{t.file, writer}
	command.Stderr = output
	// A group of its own, so that what the child starts can be ended with it. Its number is safe to use until Wait has
	// taken the child away, because it cannot be given to another process before.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error {
		if command.Process.Signal(syscall.Signal(0)) != nil || syscall.Kill(-command.Process.Pid, syscall.SIGKILL) != nil {
			return os.ErrProcessDone
		}
		return nil
	}
	command.WaitDelay = time.Second
	err = command.Start()
	_ = writer.Close()
	if err != nil {
		return fail("it could not be started: "+err.Error(), err, nil)
	}
	report, problem := readReport(reader, ctx)
	if problem != nil {
		proc.WaitForEnd(command.Process.Pid) // at the latest when the context ends it
	}
	// With its report the trial is over: what the image still does, and what it left behind in its group, is ended.
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	err = command.Wait()
	switch {
	case problem == nil && !report.OK:
		return fail(bounds.Cut(report.Error), nil, output)
	case problem == nil && report.Digest != t.digest:
		return fail("it read another state than was handed over", nil, output)
	case problem == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fail(fmt.Sprintf("it did not get ready within %v and was killed", t.timeout), ctx.Err(), output)
	case ctx.Err() != nil:
		return fail("it was called off", ctx.Err(), output)
	case err != nil:
		return fail("it ended with "+err.Error(), err, output)
	}
	return fail("it ended without calling Ready", problem, output)
}

// readReport reads the child's report until the pipe ends or the context does.
func readReport(reader *os.File, ctx context.Context) (trialReport, error) {
	stop := context.AfterFunc(ctx, func() { _ = reader.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var report trialReport
	decoder := json.NewDecoder(io.LimitReader(reader, maxReport))
	return report, decoder.Decode(&report)
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	data  []byte
}

func (t *tail) Write(data []byte) (int, error) {
	t.data = append(t.data, data...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(data), nil
}

func (t *tail) String() string {
	if t == nil {
		return ""
	}
	return strings.ToValidUTF8(string(bytes.TrimSpace(t.data)), "")
}
