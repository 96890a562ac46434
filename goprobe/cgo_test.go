//go:build cgo

package goprobe

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"hotgate/goprobe/internal/cfaults"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/native"
	"hotgate/goprobe/internal/proc"
)

// cgoAnswer asks until the answer is a new one, not the last again.
func cgoAnswer(t *testing.T, base string) (answer Cgo) {
	t.Helper()
	asked := clock.Monotonic()
	eventually(t, "a new answer", func() bool {
		get(t, base+"/debug/hotgate/cgo", 200, &answer)
		return answer.MonotonicNS >= asked
	})
	return answer
}

func TestForeignThreadsAreFound(t *testing.T) {
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

func TestThreadsOfGoAreNeverForeign(t *testing.T) {
	quit := make(chan struct{})
	var done sync.WaitGroup
	defer done.Wait()
	defer close(quit)
	for i := 0; i < 4; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			for {
				select {
				case <-quit:
					return
				default:
				}
				begun := make(chan struct{})
				go func() {
					runtime.LockOSThread() // and ends so: its thread ends with it
					close(begun)
					for due := time.Now().Add(200 * time.Microsecond); time.Now().Before(due); {
					}
					time.Sleep(50 * time.Microsecond)
				}()
				<-begun
			}
		}()
	}
	inC := func() int { return native.FindCalls().Count }
	for i := 0; i < 300; i++ {
		var threads proc.Threads // which has seen none of them before
		if facts := threads.Facts(inC, native.Built); !facts.Known || facts.Foreign != 0 {
			t.Fatalf("look %d: %+v", i, facts)
		}
	}
}

func TestProbesFollowEachOtherAndRunTogether(t *testing.T) {
	for i := 0; i < 40; i++ {
		p, err := Start(context.Background(), quiet)
		if err != nil {
			t.Fatal(err)
		}
		if p.native == nil {
			eventually(t, "a slot", func() bool { p.native = native.Start(); return p.native != nil })
		}
		p.Stop()
		p.Stop()
		time.Sleep(time.Millisecond)
	}
}
