package goprobe

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"hotgate/goprobe/internal/handover"
)

type basket struct {
	Lines []line
	Next  *basket
}

type line struct {
	Name  string `json:"name"`
	Count int
}

// handOver writes a's states and gives them to b as if b were the next image.
func handOver(t *testing.T, a, b *Probe, spoil func([]byte) []byte) error {
	t.Helper()
	file, _, err := a.writeHandover(false)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	if spoil != nil {
		data = spoil(append([]byte(nil), data...))
	}
	plain, err := os.CreateTemp(t.TempDir(), "handover")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Write(data); err != nil {
		t.Fatal(err)
	}
	b.from = &handover.Received{File: plain}
	if err := b.from.ReadManifest(b.options.StateLimit); err != nil {
		return err
	}
	return b.Ready()
}

func pair(t *testing.T) (a, b *Probe) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has memory files")
	}
	return start(t, quiet), start(t, quiet)
}

func value[T any](p *Probe, name string, version int, v *T) error {
	return p.RegisterState(name, version, JSON(func() (T, error) { return *v, nil }, func(n T) error { *v = n; return nil }))
}

func TestStatesComeOver(t *testing.T) {
	a, b := pair(t)
	given := basket{Lines: []line{{"tea", 2}}, Next: &basket{}}
	var got basket
	times, later := map[string]time.Time{"now": time.Now().UTC()}, map[string]time.Time{}
	for _, err := range []error{value(a, "basket", 1, &given), value(b, "basket", 1, &got),
		a.RegisterState("times", 1, Gob(func() (map[string]time.Time, error) { return times, nil }, nil)),
		b.RegisterState("times", 1, Gob(nil, func(v map[string]time.Time) error { later = v; return nil })),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := handOver(t, a, b, nil); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, given) || !later["now"].Equal(times["now"]) {
		t.Errorf("%+v, %+v", got, later)
	}
	row := b.states.wire().Rows[0]
	if row.Type != "hotgate/goprobe.basket" || row.Restored == nil || row.Restored.Fingerprint != row.Fingerprint {
		t.Errorf("%+v", row)
	}
}

func TestAnOlderVersionIsMigrated(t *testing.T) {
	a, b := pair(t)
	old, got := 21, basket{}
	_ = value(a, "s", 1, &old)
	codec := JSON(func() (basket, error) { return got, nil }, func(v basket) error { got = v; return nil })
	codec.Migrate(1, func(r io.Reader) (basket, error) {
		text, err := io.ReadAll(r)
		return basket{Lines: []line{{strings.TrimSpace(string(text)), 1}}}, err
	})
	if err := b.RegisterState("s", 2, codec); err != nil {
		t.Fatal(err)
	}
	if err := handOver(t, a, b, nil); err != nil {
		t.Fatal(err)
	}
	if got.Lines[0].Name != "21" || !reflect.DeepEqual(b.states.wire().Rows[0].Accepts, []int{1, 2}) {
		t.Errorf("%+v, %+v", got, b.states.wire())
	}
}

// One state that cannot be restored keeps all of them out.
func TestAllStatesOrNone(t *testing.T) {
	fails := errors.New("it cannot be read")
	for name, c := range map[string]struct {
		register func(b *Probe, second *int) error
		says     string
	}{
		"decode":  {func(b *Probe, _ *int) error { return b.RegisterState("second", 1, failing{err: fails}) }, "it cannot be read"},
		"panic":   {func(b *Probe, _ *int) error { return b.RegisterState("second", 1, failing{panics: true}) }, "panicked"},
		"nothing": {func(b *Probe, _ *int) error { return b.RegisterState("second", 1, failing{}) }, "nothing to put into place"},
		"version": {func(b *Probe, second *int) error { return value(b, "second", 2, second) }, "version 1 was handed over"},
		"codec": {func(b *Probe, _ *int) error {
			return b.RegisterState("second", 1, Gob(func() (int, error) { return 0, nil }, nil))
		}, "read as gob"},
		"forgotten": {func(*Probe, *int) error { return nil }, "is not registered"},
		"type":      {func(b *Probe, _ *int) error { var text string; return value(b, "second", 1, &text) }, "cannot unmarshal"},
	} {
		a, b := pair(t)
		one, two := 1, 2
		_, _ = value(a, "first", 1, &one), value(a, "second", 1, &two)
		first, second := 0, 0
		if err := value(b, "first", 1, &first); err != nil {
			t.Fatal(err)
		}
		if err := c.register(b, &second); err != nil {
			t.Fatal(err)
		}
		var bad *StateError
		err := handOver(t, a, b, nil)
		if !errors.As(err, &bad) || bad.Name != "second" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if first != 0 || second != 0 {
			t.Errorf("%s: a state was put into place", name)
		}
	}
}

type failing struct {
	err    error
	panics bool
}

func (failing) Name() string           { return "json" }
func (failing) Type() reflect.Type     { return reflect.TypeOf(0) }
func (failing) Versions() []int        { return nil }
func (failing) Encode(io.Writer) error { return nil }
func (f failing) Decode(int, io.Reader) (func() error, error) {
	if f.panics {
		panic("no")
	}
	return nil, f.err
}

func TestADamagedHandOverIsRefused(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"empty":    func([]byte) []byte { return nil },
		"cut":      func(d []byte) []byte { return d[:len(d)-1] },
		"longer":   func(d []byte) []byte { return append(d, 0) },
		"magic":    func(d []byte) []byte { d[0] ^= 1; return d },
		"offset":   func(d []byte) []byte { d[15] = 0xff; return d },
		"size":     func(d []byte) []byte { d[16]++; return d },
		"state":    func(d []byte) []byte { d[24]++; return d },
		"manifest": func(d []byte) []byte { return bytes.Replace(d, []byte(`{"epoch"`), []byte(`["epoch"`), 1) },
		"bounds":   func(d []byte) []byte { return bytes.Replace(d, []byte(`"offset":24`), []byte(`"offset":-4`), 1) },
		"outside":  func(d []byte) []byte { return bytes.Replace(d, []byte(`"offset":24`), []byte(`"offset":99`), 1) },
		"epoch":    func(d []byte) []byte { return bytes.Replace(d, []byte(`"generation":1`), []byte(`"generation":0`), 1) },
	} {
		a, b := pair(t)
		one, got := 1, 0
		_, _ = value(a, "s", 1, &one), value(b, "s", 1, &got)
		if err := handOver(t, a, b, spoil); err == nil || got != 0 {
			t.Errorf("%s was taken: %d", name, got)
		}
	}
}

func TestAStateOverItsLimit(t *testing.T) {
	a, b := pair(t)
	a.options.StateLimit = 100
	text := strings.Repeat("x", 200)
	_ = value(a, "s", 1, &text)
	var bad *StateError
	if err := handOver(t, a, b, nil); !errors.As(err, &bad) || bad.Op != "encode" {
		t.Error(err)
	}
}

func TestRegisteringStates(t *testing.T) {
	p := start(t, quiet)
	n := 0
	codec := JSON(func() (int, error) { return n, nil }, func(int) error { return nil })
	if err := p.RegisterState("s", 1, codec); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"twice": p.RegisterState("s", 1, codec), "no name": p.RegisterState("", 1, codec),
		"version": p.RegisterState("v", 0, codec), "no codec": p.RegisterState("c", 1, nil),
	} {
		var bad *StateError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
