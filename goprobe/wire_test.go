package goprobe

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/cfaults"
)

var answers = map[string]func() any{
	"status":    func() any { return &Status{} },
	"cgo":       func() any { return &Cgo{} },
	"heartbeat": func() any { return &Heartbeat{} },
	"health":    func() any { return &Health{} },
	"error":     func() any { return &ErrorAnswer{} },
}

// examples are those in WIRE.md, by the kind that the block names.
func examples(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("WIRE.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```json ([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found[m[1]] = m[2]
	}
	return found
}

func TestTheExamplesAreWhatTheTypesSay(t *testing.T) {
	found := examples(t)
	for kind, empty := range answers {
		value := empty()
		decoder := json.NewDecoder(strings.NewReader(found[kind]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(value); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var written, read any
		_ = json.Unmarshal(text, &written)
		_ = json.Unmarshal([]byte(found[kind]), &read)
		if !reflect.DeepEqual(written, read) {
			t.Errorf("%s: a field is missing in the example:\n%s", kind, text)
		}
		if header := reflect.ValueOf(value).Elem().FieldByName("Header").Interface().(Header); header != (Header{"1", kind}) {
			t.Errorf("%s: %+v", kind, header)
		}
	}
}

// shape lists the paths of an answer's fields.
func shape(value any, path string, into map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			shape(inner, path+"."+name, into)
		}
	case []any:
		for _, inner := range value {
			shape(inner, path+"[]", into)
		}
	}
	into[path] = true
}

func TestAnswersHaveTheExamplesShape(t *testing.T) {
	p := start(t, Options{HeartbeatInterval: time.Second, HeartbeatWindow: 100 * time.Millisecond})
	if err := p.RegisterState("orders", 2, JSON(func() (int, error) { return 1, nil }, func(int) error { return nil })); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.Track("handles", func() int64 { return 2 })
	eventually(t, "a window", func() bool { return len(p.beat.windows()) > 0 })
	base := serve(t, p)
	found := examples(t)
	for kind, path := range map[string]string{"status": "status", "cgo": "cgo", "heartbeat": "heartbeat", "health": "healthz", "error": "none"} {
		code := 200
		if kind == "error" {
			code = 404
		}
		var live, example any
		get(t, base+"/debug/hotgate/"+path, code, &live)
		if err := json.Unmarshal([]byte(found[kind]), &example); err != nil {
			t.Fatal(err)
		}
		have, want := map[string]bool{}, map[string]bool{}
		shape(live, "", have)
		shape(example, "", want)
		unknown := []string{}
		for path := range have {
			if !want[path] && !strings.HasPrefix(path, ".descriptors.inheritable") {
				unknown = append(unknown, path)
			}
		}
		sort.Strings(unknown)
		if len(unknown) > 0 {
			t.Errorf("%s: not in WIRE.md: %v", kind, unknown)
		}
	}
}

func TestListsAreNeverNull(t *testing.T) {
	p := start(t, quiet)
	base := serve(t, p)
	for _, path := range []string{"status", "cgo", "heartbeat", "healthz"} {
		body := fetch(t, base+"/debug/hotgate/"+path)
		for _, m := range regexp.MustCompile(`"([a-z_]+)":null`).FindAllStringSubmatch(body, -1) {
			switch m[1] {
			case "figure", "score", "restored", "last", "canary":
			case "canaries", "heap", "walk":
				if cfaults.Built {
					t.Errorf("%s: %s is null", path, m[1])
				}
			default:
				t.Errorf("%s: %s is null", path, m[1])
			}
		}
	}
}

func TestListsAndTextsAreBounded(t *testing.T) {
	p := start(t, quiet)
	long := strings.Repeat("ä", 1000)
	for i := 0; i < 3*bounds.MaxRows; i++ {
		p.Track(long+fmt.Sprint(i), func() int64 { return 1 })
		p.InFlight(long, 0, func() int64 { return 1 })
		if err := p.RegisterState(fmt.Sprint("state ", i), 1, JSON(func() (int, error) { return 1, nil }, func(int) error { return nil })); err != nil {
			t.Fatal(err)
		}
	}
	var answer Status
	get(t, serve(t, p)+status, 200, &answer)
	for name, list := range map[string][2]int{
		"resources": {len(answer.Resources.Rows), answer.Resources.LeftOut},
		"in flight": {len(answer.InFlight.Rows), answer.InFlight.LeftOut - 1}, // the requests are one more
		"states":    {len(answer.State.Rows), answer.State.LeftOut},
	} {
		if list != [2]int{bounds.MaxRows, 2 * bounds.MaxRows} {
			t.Errorf("%s: %v", name, list)
		}
	}
	if name := answer.Resources.Rows[0].Name; len(name) > bounds.MaxText || len(name) < bounds.MaxText-2 {
		t.Errorf("a name of %d bytes", len(name))
	}
}

// However many there are, what PrepareExec would refuse for is among the rows.
func TestWhatIsOverComesFirst(t *testing.T) {
	p := start(t, quiet)
	for i := 0; i < 3*bounds.MaxRows; i++ {
		name, count := fmt.Sprint(i), int64(0)
		if i == 3*bounds.MaxRows-2 {
			count = 7
		}
		ask := func() int64 { return count }
		if i == 3*bounds.MaxRows-1 {
			ask = func() int64 { panic("no") }
		}
		p.Track(name, ask)
		p.InFlight(name, 6, ask)
		p.TrackHandedOver(name, func() int64 { return 9 })
	}
	answer := p.status()
	for i, want := range []struct{ name, state string }{{fmt.Sprint(3*bounds.MaxRows - 2), "ok"}, {fmt.Sprint(3*bounds.MaxRows - 1), "panicked"}} {
		if row := answer.InFlight.Rows[i]; row.Name != want.name || row.State != want.state {
			t.Errorf("in flight %d: %+v", i, row)
		}
		if row := answer.Resources.Rows[i]; row.Name != want.name || row.State != want.state || row.Handover {
			t.Errorf("resource %d: %+v", i, row)
		}
	}
	if row := answer.InFlight.Rows[2]; row.Name != "http requests" || !answer.InFlight.Over {
		t.Errorf("the rest lost its order: %+v", row)
	}
}

func TestNoListenerIsLeftOut(t *testing.T) {
	p := start(t, quiet)
	for i := 0; i <= bounds.MaxRows; i++ {
		l, err := p.ListenNamed(fmt.Sprint(i), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if facts := p.listeners.wire(); len(facts.Rows) != bounds.MaxRows+1 || facts.LeftOut != 0 {
		t.Errorf("%d rows, %d left out", len(facts.Rows), facts.LeftOut)
	}
}

func TestTheImageIsIdentified(t *testing.T) {
	a, b := start(t, quiet).Image(), start(t, quiet).Image()
	if a.Epoch == b.Epoch || len(a.Epoch) != 32 || a.Generation != 1 || a.Planned || a.PreviousEpoch != "" {
		t.Errorf("%+v and %+v", a, b)
	}
	if a.GoBuildID == "" && a.GNUBuildID == "" {
		t.Errorf("no build id: %+v", a)
	}
}

func TestWithoutCgoThePartsOfCAreAbsent(t *testing.T) {
	var answer Cgo
	get(t, serve(t, start(t, quiet))+"/debug/hotgate/cgo", 200, &answer)
	if answer.Built != cfaults.Built {
		t.Errorf("built: %t", answer.Built)
	}
	if !cfaults.Built && (answer.Canaries != nil || answer.Heap != nil || answer.Walk != nil || answer.Calls.Known) {
		t.Errorf("something of C without cgo: %+v", answer)
	}
}
