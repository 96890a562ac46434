//go:build linux && (amd64 || arm64)

package goprobe

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotgate/goprobe/internal/testkit"
)

// The signal comes again and again, also while the new program has no handlers yet.
func TestASignalWhileTheImagesChangeDoesNoHarm(t *testing.T) {
	for name, number := range map[string]syscall.Signal{"SIGUSR2": syscall.SIGUSR2, "SIGHUP": syscall.SIGHUP} {
		name, number := name, number
		t.Run(name, func(t *testing.T) {
			if number != syscall.SIGHUP {
				skipShort(t)
			}
			t.Parallel()
			// Half a second is between exec and the first line of main; a storm of signals falls into it.
			s := startService(t, "GOPROBE_TEST_RELOAD="+name, "GOPROBE_TEST_LATE=500ms")
			quit, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				for {
					select {
					case <-quit:
						return
					case <-time.After(200 * time.Microsecond):
						_ = s.command.Process.Signal(number)
					}
				}
			}()
			for generation := 2; generation <= 4; generation++ {
				s.ready(generation)
			}
			close(quit)
			<-ended
			eventually(t, "it serves on", func() bool { return s.order(nil) == nil })
			signals := s.status().Signals
			if strings.Contains(strings.Join(signals.Ignored, " "), name) || !signals.Reload.Handled || signals.Reload.Signal != name {
				t.Errorf("%+v", signals)
			}
		})
	}
}

// What is ignored for the exec is handled again when it fails, by everyone who asked for it.
func TestAfterAnExecThatFailsTheSignalCountsAgain(t *testing.T) {
	p := start(t, quiet)
	reloads, own := make(chan struct{}, 1), make(chan os.Signal, 1)
	signal.Notify(own, syscall.SIGUSR2)
	defer signal.Stop(own)
	p.OnReload(syscall.SIGUSR2, func() { reloads <- struct{}{} })
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := p.Exec(path, nil, nil); err == nil {
		t.Fatal("executed")
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	select {
	case <-reloads:
	case <-time.After(testkit.Patience):
		t.Error("the reload signal is lost")
	}
	select {
	case <-own:
	case <-time.After(testkit.Patience):
		t.Error("the service's own handler is gone")
	}
}

// An image that does not call OnReload, or not yet, neither dies of the signal nor leaves it ignored.
func TestAnInheritedReloadSignalIsCaught(t *testing.T) {
	s := startService(t, "GOPROBE_TEST_RELOAD=SIGHUP", "GOPROBE_TEST_NEXT=no reload")
	if err := s.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.ready(2)
	if err := s.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it serves on", func() bool { return s.order(nil) == nil })
	signals := s.status().Signals
	if strings.Contains(strings.Join(signals.Ignored, " "), "SIGHUP") || signals.Reload.Declared {
		t.Errorf("%+v", signals)
	}
}
