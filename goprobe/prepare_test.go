package goprobe

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotgate/goprobe/internal/cfaults"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/native"
	"hotgate/goprobe/internal/profile"
	"hotgate/goprobe/internal/testkit"
)

// prepare calls PrepareExec, which is to succeed.
func prepare(p *Probe) error { return prepareWithin(p, testkit.Patience) }

func prepareWithin(p *Probe, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return p.PrepareExec(ctx)
}

func refusedFor(t *testing.T, p *Probe, code string) {
	t.Helper()
	var refused *NotReadyError
	for patience := 100 * time.Millisecond; ; patience *= 4 { // a busy machine has not come to an end with everything else
		err := prepareWithin(p, patience)
		if !errors.As(err, &refused) || !refused.Has(code) {
			t.Fatalf("%v, want the reason %s", err, code)
		}
		if len(refused.Reasons) == 1 {
			break
		}
		if patience > testkit.Patience {
			t.Fatalf("%v, want the reason %s alone", err, code)
		}
	}
	update := p.update.wire()
	if update.State != stateFailed || len(update.Refused) != 1 || update.Refused[0].Code != code {
		t.Errorf("status says %+v", update)
	}
}

func TestPrepareExecRefusesWhileSomebodyProfiles(t *testing.T) {
	p := start(t, quiet)
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		if got := profilerFacts(&p.profiler); !got.Running || got.Owner != profile.OwnerOther || got.Timer.IntervalUS != 10_000 {
			t.Errorf("status says %+v", got)
		}
	}
	refusedFor(t, p, ReasonProfileRunning)
	pprof.StopCPUProfile()
	if err := prepare(p); err != nil {
		t.Fatal(err)
	}
}

func TestOnceItIsPreparedNobodyProfiles(t *testing.T) {
	p := start(t, Options{HeartbeatInterval: time.Second, HeartbeatWindow: time.Second})
	eventually(t, "the heartbeat records", func() bool { return profilerFacts(&p.profiler).Owner == profile.OwnerHeartbeat })
	for i := 0; i < 2; i++ {
		if err := p.PrepareExec(context.Background()); err != nil { // the runtime takes up to 0.2 s to stop a profile
			t.Fatal(err)
		}
	}
	facts := profilerFacts(&p.profiler)
	if facts.Running || facts.Timer.Armed || (runtime.GOOS == "linux" && !facts.Timer.Known) {
		t.Errorf("status says %+v", facts)
	}
	if err := pprof.StartCPUProfile(io.Discard); err == nil {
		pprof.StopCPUProfile()
		t.Fatal("a profile was started before exec")
	}
	windows := p.beat.windows()
	if len(windows) != 1 || windows[0].State != windowShort || windows[0].Bytes == 0 || p.beat.wire().State != beatPaused {
		t.Errorf("the open window: %+v", p.beat.wire())
	}
	p.CancelExec()
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	pprof.StopCPUProfile()
	eventually(t, "the heartbeat goes on", func() bool { return p.beat.nextSeq() > 2 })
	if p.update.wire().State != stateServing {
		t.Errorf("%+v", p.update.wire())
	}
}

func TestPrepareExecWaitsForResourcesAndWork(t *testing.T) {
	p := start(t, quiet)
	handles, jobs := int64(1), int64(3)
	gone := p.Track("handles", func() int64 { return handles })
	refusedFor(t, p, ReasonResources)
	gone()
	p.TrackHandedOver("kept", func() int64 { return 7 })
	done := p.InFlight("jobs", 2, func() int64 { return jobs })
	refusedFor(t, p, ReasonInFlight)
	done()
	hung := p.Track("hung", func() int64 { select {} })
	refusedFor(t, p, ReasonCannotTell)
	hung()
	broken := p.InFlight("broken", 0, func() int64 { panic("no") })
	refusedFor(t, p, ReasonCannotTell)
	broken()
	if err := prepare(p); err != nil {
		t.Fatal(err)
	}
}

func TestPrepareExecWaitsForCCalls(t *testing.T) {
	if !cfaults.Built {
		t.Skip("built without cgo")
	}
	p := start(t, quiet)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	fd := int(reader.Fd())
	done := make(chan struct{})
	go func() { cfaults.Park(fd); close(done) }()
	eventually(t, "the call shows", func() bool { return native.FindCalls().Count == 1 })
	refusedFor(t, p, ReasonCCalls)
	time.AfterFunc(50*time.Millisecond, func() { writer.Close() })
	if err := prepare(p); err != nil {
		t.Fatal(err)
	}
	<-done
}

func TestATimerOfSomebodyOutsideTheRuntimeIsRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	p := start(t, quiet)
	// Armed once, and so far off that it does not fire.
	armTimer(t, 3600)
	refusedFor(t, p, ReasonTimerArmed)
	if err := clock.DisarmProfilingTimer(); err != nil {
		t.Fatal(err)
	}
	if err := prepare(p); err != nil {
		t.Fatal(err)
	}
}

func TestExecThatFailsIsRolledBack(t *testing.T) {
	p := start(t, quiet)
	l, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var failed *ExecError
	if err := p.Exec(path, nil, nil); !errors.As(err, &failed) || !errors.Is(err, syscall.ENOEXEC) {
		if runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if flags, err := descriptor.Fcntl(uintptr(l.spare), syscall.F_GETFD, 0); err != nil || flags&syscall.FD_CLOEXEC == 0 {
		t.Errorf("the listener's descriptor would leak: %d, %v", flags, err)
	}
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	pprof.StopCPUProfile()
	if got := p.update.wire(); got.State != stateFailed || !has([]Reason{{Code: got.Refused[0].Code}}, ReasonExec) {
		t.Errorf("%+v", got)
	}
}

// What began after PrepareExec would be lost, too.
func TestExecLooksAgain(t *testing.T) {
	p := start(t, quiet)
	if err := prepare(p); err != nil {
		t.Fatal(err)
	}
	p.InFlight("jobs", 0, func() int64 { return 1 })
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var refused *NotReadyError
	if err := p.Exec(path, nil, nil); !errors.As(err, &refused) || !refused.Has(ReasonInFlight) {
		if runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if p.update.wire().State != stateFailed || p.profiler.Current() != profile.OwnerNone || p.beat.wire().State == beatPaused {
		t.Errorf("not taken back: %+v", p.update.wire())
	}
}

// A directory on a file server that is gone holds neither the deadline nor Stop.
func TestADirectoryThatDoesNotAnswerIsRefusedInTime(t *testing.T) {
	p := start(t, Options{NoHeartbeat: true, HeartbeatWindow: 100 * time.Millisecond})
	answer := make(chan struct{})
	p.beat.dir = &windowDir{
		path: t.TempDir(), keep: 3, logger: p.options.Logger,
		write: func(path string, data []byte) error { <-answer; return writeWhole(path, data) },
	}
	written := make(chan struct{})
	go func() { p.beat.record(); close(written) }()
	eventually(t, "the window is taken", func() bool { return len(p.beat.windows()) == 1 })
	begun := time.Now()
	refusedFor(t, p, ReasonCannotTell)
	if took := time.Since(begun); took > time.Second {
		t.Errorf("refused after %v", took)
	}
	if w := p.beat.windows()[0]; len(w.profile) == 0 || w.path != "" || p.beat.wire().State != beatWaiting {
		t.Errorf("%+v", p.beat.wire())
	}
	close(answer)
	<-written
	if w := p.beat.windows()[0]; w.path == "" || len(w.profile) != 0 {
		t.Errorf("not written: %+v", w.Window)
	}
	if err := prepare(p); err != nil {
		t.Fatal(err)
	}
}

func TestAProfileThatDoesNotStopIsRefusedInTime(t *testing.T) {
	p := start(t, quiet)
	p.beat.mu.Lock()
	p.beat.state, p.beat.recorded = beatRecording, make(chan struct{})
	p.beat.mu.Unlock()
	refusedFor(t, p, ReasonCannotTell)
	p.beat.mu.Lock()
	close(p.beat.recorded)
	p.beat.state = beatWaiting
	p.beat.mu.Unlock()
	if err := prepare(p); err != nil {
		t.Fatal(err)
	}
}

func TestAfterStopNothingIsDone(t *testing.T) {
	p := start(t, quiet)
	p.Stop()
	if err := p.PrepareExec(context.Background()); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
	if err := p.Upgrade(context.Background(), UpgradeOptions{}); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
	if _, err := p.Listen("tcp", "127.0.0.1:0"); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

func TestStopEndsEveryGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := 0; i < 5; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		p, err := Start(ctx, Options{HeartbeatInterval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		p.OnReload(syscall.SIGUSR2, func() {})
		if _, err := p.ServeEndpoints("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		cancel()
		eventually(t, "it stopped", func() bool { return p.beat.wire().State == beatStopped })
	}
	signal.Reset(syscall.SIGUSR2)
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+1 }) // os/signal keeps one
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, o := range map[string]Options{
		"HeartbeatInterval": {HeartbeatInterval: time.Millisecond},
		"HeartbeatWindow":   {HeartbeatWindow: time.Hour},
		"HeartbeatRing":     {HeartbeatRing: -1},
		"StateLimit":        {StateLimit: -1},
		"Token":             {Token: "short"},
	} {
		var bad *OptionError
		if _, err := Start(context.Background(), o); !errors.As(err, &bad) || bad.Option != name || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
