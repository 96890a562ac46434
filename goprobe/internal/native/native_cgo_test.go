//go:build cgo

package native

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"hotgate/goprobe/internal/cfaults"
	"hotgate/goprobe/internal/testkit"
)

// begin starts the thread, which ends with the test.
func begin(t *testing.T) *Thread {
	t.Helper()
	n := Start()
	if n == nil {
		t.Fatal("no slot is left")
	}
	t.Cleanup(n.Stop)
	return n
}

func TestCanariesHoldUntilTheyAreOverwritten(t *testing.T) {
	n := begin(t)
	first := n.Canaries()
	if first.ThreadLocal.State != "holds" || first.Static.State != "holds" || first.ThreadID <= 0 {
		t.Fatalf("a fresh canary: %+v", first)
	}
	if first.ThreadLocal.Expected == first.Static.Expected || first.Static.Expected == strings.Repeat("0", 16) {
		t.Errorf("not drawn: %+v", first)
	}
	cfaults.Overwrite(n.slot)
	second := n.Canaries()
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
	n := begin(t)
	done := make(chan struct{})
	n.questions <- func() { cfaults.OverwriteThread(); close(done) }
	<-done
	if got := n.Canaries(); got.ThreadLocal.State != "broken" || got.Static.State != "holds" {
		t.Errorf("%+v", got)
	}
	cfaults.OverwriteThread() // on another thread: the next probe's must not mind
	if got := begin(t).Canaries(); got.ThreadLocal.State != "holds" {
		t.Errorf("%+v", got)
	}
}

func TestAThreadThatDoesNotAnswerIsUnknown(t *testing.T) {
	n := begin(t)
	release := make(chan struct{})
	n.questions <- func() { <-release }
	got := n.Canaries()
	close(release)
	if got.ThreadLocal.State != "unknown" || got.Static.Found != "" {
		t.Errorf("%+v", got)
	}
}

func TestThreadsInCCallsAreNamed(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	fd := int(reader.Fd()) // blocking, so that C stays in read
	done := make(chan struct{})
	go func() { cfaults.Park(fd); close(done) }()
	var calls Calls
	testkit.Eventually(t, "the call shows", func() bool { calls = FindCalls(); return calls.Count == 1 })
	row := calls.Rows[0]
	if row.CFunction != "cfaults_park" || !strings.HasSuffix(row.Caller, "cfaults.Park") || row.InGo || row.Line == 0 {
		t.Errorf("%+v", row)
	}
	writer.Close()
	<-done
	testkit.Eventually(t, "the call ends", func() bool { return FindCalls().Count == 0 })
}

func TestACallThatCameBackIntoGoIsStillInC(t *testing.T) {
	for _, depth := range []int{0, 20, 40, 120} {
		deep(depth, func() {
			cfaults.Back(func() {
				deep(depth, func() {
					calls := FindCalls()
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

func TestBothWalksAgree(t *testing.T) {
	walk := begin(t).Walk()
	if walk.State != "agrees" || walk.CDepth < 1 || len(walk.C) < 3 {
		t.Errorf("%+v", walk)
	}
}

func TestWalksThatDifferAreSeen(t *testing.T) {
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
	n := begin(t)
	before := n.Heap()
	if before == nil {
		t.Skip("the C library does not tell")
	}
	if before.InUse == 0 || before.FromOS < before.InUse {
		t.Errorf("%+v", before)
	}
}
