package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"hotgate/goprobe/internal/testkit"
)

func TestMarkingIsSeen(t *testing.T) {
	testkit.SkipShort(t)
	f := FindMarkFlag()
	if runtime.GOOS != "linux" || strconv.IntSize != 64 {
		t.Skip("only known on 64-bit Linux")
	}
	if f == nil && os.Getenv("GOPROBE_TEST_SYMBOLS") == "" {
		// `go test` leaves the symbols out of what it runs, `go test -c` does not.
		binary := filepath.Join(t.TempDir(), "with-symbols")
		build := exec.Command(filepath.Join(runtime.GOROOT(), "bin", "go"), "test", "-c", "-o", binary)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		again := exec.Command(binary, "-test.run=^TestMarkingIsSeen$")
		again.Env = append(os.Environ(), "GOPROBE_TEST_SYMBOLS=1")
		if out, err := again.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	if f == nil {
		t.Fatal("the test binary has symbols, and no flag was found")
	}
	quit := make(chan struct{})
	defer close(quit)
	go func() {
		for {
			select {
			case <-quit:
				return
			default:
				runtime.GC()
			}
		}
	}()
	seen := map[bool]int{}
	testkit.Eventually(t, "both states", func() bool {
		for i := 0; i < 1000; i++ {
			marking, _ := f.Marking()
			seen[marking]++
			runtime.Gosched()
		}
		return seen[true] > 0 && seen[false] > 0
	})
}
