package goprobe

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestOwnRequestsAreNoWorkInFlight(t *testing.T) {
	var seen int64
	d := newDrainer(nil)
	d.next = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen = d.active.Load() })
	for path, want := range map[string]int64{
		"/orders":                     1,
		"/debug/hotgate/status":       0,
		"/debug/pprof/profile":        0,
		"/debug/hotgate":              1,
		"/other/debug/hotgate/status": 1,
		"/debug/hotgate/../../orders": 0, // as a mux sends it on, not as it serves it
	} {
		d.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		if seen != want {
			t.Errorf("%s: %d requests in flight, want %d", path, seen, want)
		}
	}
	if left := d.active.Load(); left != 0 {
		t.Errorf("%d requests left in flight", left)
	}
}
