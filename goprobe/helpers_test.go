package goprobe

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"hotgate/goprobe/internal/testkit"
)

// start starts a probe that is stopped with the test.
func start(t *testing.T, options Options) *Probe {
	t.Helper()
	p, err := Start(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// quiet is for tests that want no profile in the background.
var quiet = Options{NoHeartbeat: true}

// serve serves the probe's endpoints and gives their base.
func serve(t *testing.T, p *Probe) string {
	t.Helper()
	server := httptest.NewServer(p.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

// get asks and decodes; it fails on another status.
func get(t *testing.T, url string, status int, into any) http.Header {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Fatalf("GET %s: %d, want %d: %s", url, response.StatusCode, status, body)
	}
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("GET %s: %v: %s", url, err, body)
		}
	}
	return response.Header
}

// eventually waits for a condition, for as long as a busy machine may take.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	testkit.Eventually(t, what, met)
}

// skipShort leaves a slow test out where another setting runs it.
func skipShort(t *testing.T) {
	t.Helper()
	testkit.SkipShort(t)
}

func has(reasons []Reason, code string) bool { return (&NotReadyError{reasons}).Has(code) }

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.(*net.TCPListener)
}
