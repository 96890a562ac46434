package goprobe

import (
	"net/http"
	"net/http/httptest"
	"reflect"
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

// Upgrade drains the servers that Serve runs; those of others may never come to rest.
func TestRequestsThatUpgradeDrainsAreMarked(t *testing.T) {
	p := start(t, quiet)
	l, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	server := &http.Server{Handler: slow}
	defer server.Close()
	other := httptest.NewServer(p.Handle(slow))
	defer other.Close()
	defer close(release)
	go func() { _ = p.Serve(l, server) }()
	p.InFlight("jobs", 0, func() int64 { return 1 })
	for _, url := range []string{"http://" + l.Addr().String(), other.URL, other.URL} {
		go func(url string) { _, _ = http.Get(url) }(url)
	}
	want := []InFlightRow{
		{Name: "http requests", Count: 1, State: "ok", Drained: true},
		{Name: "http requests of other servers", Count: 2, State: "ok"},
		{Name: "jobs", Count: 1, State: "ok"},
	}
	eventually(t, "all of them are counted", func() bool { return reflect.DeepEqual(p.status().InFlight.Rows, want) })
}
