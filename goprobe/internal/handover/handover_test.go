package handover

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestTheVariableOfAHandOver(t *testing.T) {
	for _, text := range []string{"2 pid=1 fd=3", "1", "1 pid=x fd=3", "1 pid=1", "1 pid=-1 fd=3", "1 pid=1 fd=99999999999", strings.Repeat("1", 999)} {
		if _, err := parseHandover(text); err == nil {
			t.Errorf("%.40q was taken", text)
		}
	}
	t.Setenv(Variable, "1 pid=1 fd=3 at=5") // of another process: a leftover
	if got, err := Receive(1); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if os.Getenv(Variable) != "" {
		t.Error("children would inherit it")
	}
	t.Setenv(TrialVariable, "1")
	if _, err := Receive(1); err == nil {
		t.Error("a trial without a hand-over")
	}
}

// The trial's environment, made by os/exec, has the last of a variable's values, and so has the image that follows it.
func TestTheLastValueOfAVariableCounts(t *testing.T) {
	got := WithVariables([]string{"A=1", "LISTEN_FDS=3", "B=2", "A=3"}, "C=4", nil)
	if strings.Join(got, " ") != "A=3 B=2 C=4" {
		t.Errorf("%q", got)
	}
}

func TestFingerprintsTellTypesApart(t *testing.T) {
	type a struct {
		X int
		Y *a
	}
	type b struct {
		X int32
		Y *b
	}
	type c struct {
		X int `json:"x"`
		Y *c
	}
	seen := map[string]reflect.Type{}
	for _, v := range []any{a{}, b{}, c{}, 1, "", []a{}, []b{}, map[string]a{}, [2]a{}, [3]a{}} {
		sum := Fingerprint(reflect.TypeOf(v))
		if other, ok := seen[sum]; ok {
			t.Errorf("%v and %v", other, reflect.TypeOf(v))
		}
		seen[sum] = reflect.TypeOf(v)
		if sum != Fingerprint(reflect.TypeOf(v)) {
			t.Errorf("%v: not the same twice", reflect.TypeOf(v))
		}
	}
}
