package goprobe

import (
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotgate/goprobe/internal/profile"
)

var fast = Options{HeartbeatInterval: time.Second, HeartbeatWindow: 300 * time.Millisecond, HeartbeatRing: 2}

// burn keeps one thread busy until the test ends.
func burn(t *testing.T) {
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) })
	go func() {
		for x := 1.0; ; x = math.Sqrt(x + 1) {
			select {
			case <-quit:
				return
			default:
			}
		}
	}()
}

func TestWindowsAreNumberedAndKept(t *testing.T) {
	burn(t)
	p := start(t, fast)
	base := serve(t, p)
	eventually(t, "three windows, and a processor for the work in the last one", func() bool {
		beat := p.beat.wire()
		return beat.NextSeq >= 4 && beat.State == beatWaiting && beat.Windows[len(beat.Windows)-1].CPUSeconds >= 0.03
	})
	var beat Heartbeat
	get(t, base+"/debug/hotgate/heartbeat", 200, &beat)
	if len(beat.Windows) != 2 || beat.Windows[0].Seq != beat.NextSeq-2 || beat.Windows[1].Seq != beat.NextSeq-1 {
		t.Fatalf("%+v", beat)
	}
	last := beat.Windows[1]
	length := time.Duration(last.DurationNS)
	if last.State != windowOK || float64(last.Samples) < 33*last.CPUSeconds || length < 290*time.Millisecond || length > time.Minute {
		t.Errorf("%+v", last)
	}
	if gap := last.StartMonotonicNS - beat.Windows[0].StartMonotonicNS; gap < 9e8 || gap > 60e9 {
		t.Errorf("windows start %v apart", time.Duration(gap))
	}
	response, err := http.Get(base + "/debug/hotgate/heartbeat/" + strconv.FormatUint(last.Seq, 10))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := profile.CountSamples(body); err != nil || n != last.Samples || int64(len(body)) != last.Bytes {
		t.Errorf("%d samples in %d bytes, %v; %+v", n, len(body), err, last)
	}
	if response.Header.Get("X-Hotgate-Epoch") != p.image.Epoch {
		t.Errorf("%v", response.Header)
	}
	get(t, base+"/debug/hotgate/heartbeat/1", 404, nil) // pushed out of the ring
}

func TestAWindowYieldsToAnotherProfile(t *testing.T) {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	p := start(t, fast)
	eventually(t, "a window", func() bool { return len(p.beat.windows()) > 0 })
	pprof.StopCPUProfile()
	w := p.beat.windows()[0]
	if w.State != windowYielded || w.Bytes != 0 || w.DurationNS != 0 || w.Reason == "" {
		t.Errorf("%+v", w.Window)
	}
	eventually(t, "the next one", func() bool { ws := p.beat.windows(); return ws[len(ws)-1].State == windowOK })
}

func TestWindowsOutliveTheImageInADirectory(t *testing.T) {
	skipShort(t)
	o := fast
	o.HeartbeatDir = filepath.Join(t.TempDir(), "windows")
	first := start(t, o)
	eventually(t, "a window", func() bool { return len(first.beat.windows()) > 0 })
	first.Stop()
	second := start(t, o)
	old := second.beat.windows()
	if len(old) == 0 || old[0].Epoch != first.image.Epoch {
		t.Fatalf("%+v", second.beat.wire())
	}
	var answer Heartbeat
	base := serve(t, second)
	get(t, base+"/debug/hotgate/heartbeat", 200, &answer)
	if !answer.Settings.Persistent {
		t.Errorf("%+v", answer.Settings)
	}
	get(t, base+"/debug/hotgate/heartbeat/1?epoch="+first.image.Epoch, 200, nil)
	eventually(t, "old ones are removed", func() bool {
		files, err := filepath.Glob(filepath.Join(o.HeartbeatDir, "*"))
		return err == nil && len(files) == 2*o.HeartbeatRing && second.beat.nextSeq() > 3
	})
}

func TestGarbageInTheDirectoryIsLeftOut(t *testing.T) {
	o := fast
	o.HeartbeatDir = t.TempDir()
	for name, text := range map[string]string{
		"window-1.json": "{", "window-2.json": `{"seq":1,"epoch":"short"}`, "window-3.json": strings.Repeat("[", 1<<20),
		"other": "x", "window-4.json": `[]`,
	} {
		if err := os.WriteFile(filepath.Join(o.HeartbeatDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(o.HeartbeatDir, "window-5.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	o.HeartbeatRing = 30
	if p := start(t, o); len(p.beat.dir.load()) > 1 {
		t.Errorf("%+v", p.beat.wire())
	}
}

func TestADirectoryThatCannotBeWrittenKeepsWindowsInMemory(t *testing.T) {
	o := fast
	o.HeartbeatDir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(o.HeartbeatDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, o)
	eventually(t, "a window", func() bool { return len(p.beat.windows()) > 0 })
	get(t, serve(t, p)+"/debug/hotgate/heartbeat/1", 200, nil)
}

func TestHealth(t *testing.T) {
	hours := func(n int) int64 { return int64(n) * int64(time.Hour) }
	samples := func(counts ...int) (all []healthSample) {
		for i, n := range counts {
			all = append(all, healthSample{at: hours(i), goroutines: n})
		}
		return all
	}
	for name, c := range map[string]struct {
		counts []int
		want   float64
	}{
		"steady": {[]int{50, 51, 50, 49, 50, 50}, 0}, "a burst": {[]int{100, 100, 5000, 100, 100, 100, 100}, 0},
		"falls": {[]int{500, 400, 300, 200, 100}, 0}, "doubles": {[]int{1000, 1500, 2000, 2500, 3000}, 0.25},
	} {
		if got := growthPart(samples(c.counts...)); got.Figure == nil || *got.Figure != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := growthPart(samples(1, 2, 3, 4)); got.Figure != nil || got.Reason == "" {
		t.Errorf("too few: %+v", got)
	}
	for figure, want := range map[float64]float64{0: 100, 0.5: 100, 0.7: 50, 0.9: 0, 5: 0} {
		if got := scoreOf(figure, 0.5, 0.9); got != want {
			t.Errorf("%v: %v", figure, got)
		}
	}
	if got := scoreOf(0.5, 0.95, 0.5); got != 0 {
		t.Errorf("a falling limit: %v", got)
	}
}

func TestAPartWithoutDataNeverRaisesTheScore(t *testing.T) {
	p := start(t, quiet)
	first := p.health.wire(p)
	if first.Coverage >= 1 || first.Score == nil {
		t.Fatalf("%+v", first)
	}
	p.health.mu.Lock()
	p.health.last["goroutine_growth"] = 10 // it was bad, and is not seen any more
	p.health.mu.Unlock()
	second := p.health.wire(p)
	if *second.Score >= *first.Score || second.Coverage != first.Coverage || second.Parts[1].State != "stale" {
		t.Errorf("%+v, then %+v", first, second)
	}
	sum := 0.0
	for _, part := range second.Parts {
		sum += part.Weight
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("weights: %v", sum)
	}
}

func TestContinuityCountsWhatIsMissing(t *testing.T) {
	p := start(t, quiet)
	p = &Probe{options: p.options, image: p.image} // one whose collector does not run
	p.beat = newCollector(p, true)
	add := func(second int64, state string) {
		p.beat.ring = append(p.beat.ring, &window{Window: Window{Epoch: p.image.Epoch, State: state,
			StartMonotonicNS: 1 + second*int64(time.Second)}})
	}
	if got := continuityPart(p); got.Figure != nil {
		t.Errorf("%+v", got)
	}
	add(0, windowOK)
	add(60, windowYielded)
	add(120, windowOK)
	if got := continuityPart(p); *got.Figure != 1 {
		t.Errorf("one that yielded: %v", *got.Figure)
	}
	add(300, windowFailed) // and two are missing
	if got := continuityPart(p); *got.Figure != 0.4 {
		t.Errorf("one failed, two missing: %v", *got.Figure)
	}
}
