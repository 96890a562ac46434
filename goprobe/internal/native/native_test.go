//go:build cgo

package goprobe

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotgate/goprobe/internal/cfaults"
)

// cgoAnswer asks until the answer is a new one, not the last again.
func cgoAnswer(t *testing.T, base string) (answer Cgo) {
	t.Helper()
	asked := monotonic()
	eventually(t, "a new answer", func() bool {
		get(t, base+"/debug/hotgate/cgo", 200, &answer)
		return answer.MonotonicNS >= asked
	})
	return answer
}

func TestCanariesHoldUntilTheyAreOverwritten(t *testing.T) {
	needCgo(t)
	p := start(t, quiet)
	base := serve(t, p)
	first := cgoAnswer(t, base).Canaries
	if first.ThreadLocal.State != "holds" || first.Static.State != "holds" || first.ThreadID <= 0 {
		t.Fatalf("a fresh canary: %+v", first)
	}
	if first.ThreadLocal.Expected == first.Static.Expected || first.Static.Expected == strings.Repeat("0", 16) {
		t.Errorf("not drawn: %+v", first)
	}
	cfaults.Overwrite(p.native.slot)
	second := cgoAnswer(t, base).Canaries
	if second.Static.State != "broken" || second.Static.Found != strings.Repeat("0", 16) || second.ThreadLocal.State != "holds" {
		t.Errorf("an overwritten canary: %+v", second)
	}
	if second.ThreadID != first.ThreadID || second.Static.Reads <= first.Static.Reads {
		t.Errorf("not read again on its thread: %+v, then %+v", first, second)
	}
	if runtime.GOOS == "linux" {
		if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(first.ThreadID)); err != nil {
			t.Error(err)
		}
	}
}

func TestTheThreadLocalCanaryIsReadOnItsOwnThread(t *testing.T) {
	needCgo(t)
	p := start(t, quiet)
	done := make(chan struct{})
	p.native.questions <- func() { cfaults.OverwriteThread(); close(done) }
	<-done
	if got := p.native.canaries(); got.ThreadLocal.State != "broken" || got.Static.State != "holds" {
		t.Errorf("%+v", got)
	}
	cfaults.OverwriteThread() // on another thread: the next probe's must not mind
	if got := start(t, quiet).native.canaries(); got.ThreadLocal.State != "holds" {
		t.Errorf("%+v", got)
	}
}

func TestAThreadThatDoesNotAnswerIsUnknown(t *testing.T) {
	needCgo(t)
	p := start(t, quiet)
	release := make(chan struct{})
	p.native.questions <- func() { <-release }
	got := p.native.canaries()
	close(release)
	if got.ThreadLocal.State != "unknown" || got.Static.Found != "" {
		t.Errorf("%+v", got)
	}
}

func TestThreadsInCCallsAreNamed(t *testing.T) {
	needCgo(t)
	base := serve(t, start(t, quiet))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	fd := int(reader.Fd()) // blocking, so that C stays in read
	done := make(chan struct{})
	go func() { cfaults.Park(fd); close(done) }()
	var calls CgoCalls
	eventually(t, "the call shows", func() bool { calls = cgoAnswer(t, base).Calls; return calls.Count == 1 })
	row := calls.Rows[0]
	if row.CFunction != "cfaults_park" || !strings.HasSuffix(row.Caller, "cfaults.Park") || row.InGo || row.Line == 0 {
		t.Errorf("%+v", row)
	}
	writer.Close()
	<-done
	eventually(t, "the call ends", func() bool { return cgoAnswer(t, base).Calls.Count == 0 })
}

func TestACallThatCameBackIntoGoIsStillInC(t *testing.T) {
	needCgo(t)
	for _, depth := range []int{0, 20, 40, 120} {
		deep(depth, func() {
			cfaults.Back(func() {
				deep(depth, func() {
					calls := findCgoCalls()
					if depth == 120 && calls.Skipped == 1 { // too deep to be told, and said so
						return
					}
					if calls.Count != 1 || !calls.Rows[0].InGo {
						t.Errorf("depth %d: %+v", depth, calls)
					}
				})
			})
		})
	}
}

//go:noinline
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
	runtime.KeepAlive(n)
}

func TestForeignThreadsAreFound(t *testing.T) {
	needCgo(t)
	base := serve(t, start(t, quiet))
	if got := cgoAnswer(t, base).Threads; !got.Known || got.Total < 2 {
		t.Fatalf("%+v", got)
	}
	if !cfaults.Spawn() {
		t.Fatal("no thread")
	}
	var threads ThreadFacts
	eventually(t, "the thread shows", func() bool {
		threads = cgoAnswer(t, base).Threads
		for _, row := range threads.Rows {
			if row.Name == "cfaults-sleep" && row.Certain {
				return threads.Foreign == 1
			}
		}
		return false
	})
	cfaults.Join()
	eventually(t, "the thread is gone", func() bool { return cgoAnswer(t, base).Threads.Foreign == 0 })
}

func TestHandlersOfCAreFound(t *testing.T) {
	needCgo(t)
	base := serve(t, start(t, quiet))
	if got := cgoAnswer(t, base).Handlers; !got.Known || len(got.Rows) != 0 {
		t.Fatalf("before: %+v", got)
	}
	if !cfaults.Handle() {
		t.Fatal("no handler")
	}
	defer cfaults.Unhandle()
	got := cgoAnswer(t, base).Handlers
	if len(got.Rows) != 1 || got.Rows[0].Signal != "SIGUSR1" || got.Rows[0].Module == "" {
		t.Errorf("%+v", got)
	}
}

func TestBothWalksAgree(t *testing.T) {
	needCgo(t)
	walk := cgoAnswer(t, serve(t, start(t, quiet))).Walk
	if walk.State != "agrees" || walk.CDepth < 1 || len(walk.C) < 3 {
		t.Errorf("%+v", walk)
	}
}

func TestWalksThatDifferAreSeen(t *testing.T) {
	needCgo(t)
	for name, spoil := range map[string]func(*walked){
		"cut":   func(w *walked) { w.c = w.c[:len(w.c)-4] },
		"other": func(w *walked) { w.c[2] = w.c[3] },
		"go":    func(w *walked) { w.goes = w.goes[:1] },
	} {
		w := rawWalk()
		spoil(w)
		if got := w.compare(); got.State == "agrees" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTheCHeapGrowsWithUse(t *testing.T) {
	needCgo(t)
	p := start(t, quiet)
	before := p.native.heap()
	if before == nil {
		t.Skip("the C library does not tell")
	}
	if before.InUse == 0 || before.FromOS < before.InUse {
		t.Errorf("%+v", before)
	}
}

func TestProbesFollowEachOtherAndRunTogether(t *testing.T) {
	for i := 0; i < 40; i++ {
		p, err := Start(context.Background(), quiet)
		if err != nil {
			t.Fatal(err)
		}
		if cfaults.Built && p.native == nil {
			eventually(t, "a slot", func() bool { p.native = startNative(); return p.native != nil })
		}
		p.Stop()
		p.Stop()
		time.Sleep(time.Millisecond)
	}
}

func needCgo(t *testing.T) {
	t.Helper()
	if !cfaults.Built {
		t.Skip("built without cgo")
	}
}
