package testkit

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programVariable makes a test binary the program that it tests.
const programVariable = "GOPROBE_TESTED_PROGRAM"

// Main runs the tests, or main where the test binary was started by Start: so an update goes from the program to itself.
func Main(m *testing.M, main func()) {
	if os.Getenv(programVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Program is a running program that says "generation N listening on ADDRESS" on standard output.
type Program struct {
	t       testing.TB
	command *exec.Cmd
	lines   chan string
}

// Start starts the program; it ends with the test.
func Start(t testing.TB, arguments ...string) *Program {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{t: t, command: exec.Command(own, arguments...), lines: make(chan string, 100)}
	p.command.Env = append(os.Environ(), programVariable+"=1")
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command.Process.Kill(); _ = p.command.Wait() })
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	return p
}

// Line waits for a line that begins so, and gives the rest of it. Others go to the test's log.
func (p *Program) Line(start string) string {
	p.t.Helper()
	for patience := time.After(Patience); ; {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the program ended before it said %q", start)
			}
			if rest, ok := strings.CutPrefix(line, start); ok {
				return rest
			}
			p.t.Log(line)
		case <-patience:
			p.t.Fatalf("the program never said %q", start)
		}
	}
}

// Address waits for the image of that generation, and gives where it listens.
func (p *Program) Address(generation int) string {
	p.t.Helper()
	return p.Line(fmt.Sprintf("generation %d listening on ", generation))
}

// Signal asks the program to replace itself.
func (p *Program) Signal() {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGUSR2); err != nil {
		p.t.Fatal(err)
	}
}

// Update asks the program to replace itself, and waits until the next generation listens.
func (p *Program) Update(generation int) {
	p.t.Helper()
	p.Signal()
	p.Address(generation)
}
