package goprobe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/guard"
	"hotgate/goprobe/internal/profile"
	"hotgate/goprobe/internal/testkit"
)

// ask asks the handler as if the request came in on that address.
func ask(p *Probe, local, host, method, target string, header map[string]string, body io.Reader) (int, string) {
	r := httptest.NewRequest(method, target, body)
	r.Host, r.RemoteAddr = host, "127.0.0.1:4711"
	for name, value := range header {
		r.Header.Set(name, value)
	}
	address := net.Addr(&net.TCPAddr{IP: net.ParseIP(local), Port: 80})
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, address))
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const status = "/debug/hotgate/status"

func TestWithoutATokenOnlyLoopbackIsAnswered(t *testing.T) {
	p := start(t, quiet)
	for _, c := range []struct {
		local, host string
		want        int
	}{
		{"127.0.0.1", "127.0.0.1:80", 200},
		{"127.0.0.1", "localhost", 200},
		{"::1", "[::1]:80", 200},
		{"127.0.0.1", "evil.example", 403}, // a page that made its name lead here
		{"10.0.0.1", "10.0.0.1", 403},
		{"10.0.0.1", "localhost", 403},
		{"::ffff:10.0.0.1", "localhost", 403},
	} {
		code, body := ask(p, c.local, c.host, "GET", status, nil, nil)
		if code != c.want || (code != 200 && !strings.Contains(body, `"forbidden"`)) {
			t.Errorf("%s as %s: %d %s", c.local, c.host, code, body)
		}
	}
	r := httptest.NewRequest("GET", status, nil) // no address at all
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	if w.Code != 403 {
		t.Errorf("without an address: %d", w.Code)
	}
}

func TestAnAddressThatOthersReachNeedsAToken(t *testing.T) {
	p := start(t, quiet)
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		var bad *BindError
		if _, err := p.ServeEndpoints(address); !errors.As(err, &bad) {
			t.Errorf("%s: %v", address, err)
		}
	}
	withToken := start(t, Options{NoHeartbeat: true, Token: "0123456789abcdef"})
	address, err := withToken.ServeEndpoints(":0")
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d%s", address.(*net.TCPAddr).Port, status)
	get(t, url, 401, nil)
}

func TestTheTokenIsAskedFor(t *testing.T) {
	p := start(t, Options{NoHeartbeat: true, Token: "0123456789abcdef"})
	for header, want := range map[string]int{
		"": 401, "Bearer ": 401, "Bearer 0123456789abcdeX": 401, "0123456789abcdef": 401, "Basic 0123456789abcdef": 401,
		"Bearer 0123456789abcdef0": 401, "Bearer 0123456789abcdef": 200,
	} {
		for _, local := range []string{"127.0.0.1", "10.0.0.1"} {
			code, _ := ask(p, local, "any.example", "GET", status, map[string]string{"Authorization": header}, nil)
			if code != want {
				t.Errorf("%q on %s: %d", header, local, code)
			}
		}
	}
}

func TestMalformedAndOversizedRequests(t *testing.T) {
	p := start(t, quiet)
	for _, c := range []struct {
		method, target string
		body           io.Reader
		want           int
	}{
		{"POST", status, nil, 405},
		{"DELETE", status, nil, 405},
		{"GET", status, strings.NewReader("x"), 413},
		{"GET", status + "?" + strings.Repeat("a", 2000), nil, 413},
		{"GET", "/debug/hotgate/", nil, 404},
		{"GET", "/debug/hotgate/../status", nil, 404},
		{"GET", "/debug/hotgate/status/", nil, 404},
		{"GET", "/other", nil, 404},
		{"GET", "/debug/hotgate/heartbeat/x", nil, 400},
		{"GET", "/debug/hotgate/heartbeat/-1", nil, 400},
		{"GET", "/debug/hotgate/heartbeat/99999999999999999999999", nil, 400},
		{"GET", "/debug/hotgate/heartbeat/7", nil, 404},
		{"GET", "/debug/pprof/profile?seconds=x", nil, 400},
		{"GET", "/debug/pprof/profile?seconds=-1", nil, 400},
		{"GET", "/debug/pprof/profile?seconds=86400", nil, 400},
		{"GET", "/debug/pprof/trace?seconds=3600", nil, 400},
		{"GET", "/debug/pprof/heap?debug=9", nil, 400},
		{"GET", "/debug/pprof/none", nil, 404},
		{"GET", "/debug/pprof/../../etc/passwd", nil, 404},
		{"HEAD", status, nil, 200},
	} {
		code, body := ask(p, "127.0.0.1", "localhost", c.method, c.target, nil, c.body)
		if code != c.want || (code >= 400 && !strings.Contains(body, `"kind":"error"`)) {
			t.Errorf("%s %.60s: %d %s", c.method, c.target, code, body)
		}
	}
}

func TestRawGarbage(t *testing.T) {
	p := start(t, quiet)
	address, err := p.ServeEndpoints("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"\x00\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET " + status + " HTTP/1.1\r\n\r\n",
		"GET " + strings.Repeat("/a", 20_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET " + status + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
		"GET " + status + " HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
		_, _ = io.WriteString(conn, text)
		answer, _ := io.ReadAll(io.LimitReader(conn, 20))
		if strings.Contains(string(answer), " 200 ") {
			t.Errorf("%.40q was answered with %q", text, answer)
		}
		conn.Close()
	}
	get(t, "http://"+address.String()+status, 200, nil)
}

// A crowd at the endpoints takes little more from the service than one at a handler that does nothing. By CPU time, which
// other work on the machine leaves as it is.
func TestACrowdDoesNotDisturbTheService(t *testing.T) {
	skipShort(t)
	p := start(t, Options{HeartbeatInterval: time.Second, HeartbeatWindow: 500 * time.Millisecond})
	mux := http.NewServeMux()
	mux.Handle("/debug/", p.Handler())
	mux.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	defer server.Close()
	var plain, disturbed []float64
	for round := 0; round < 3; round++ {
		cost, _ := underCrowd(t, server.URL, []string{"/empty"})
		plain = append(plain, cost)
		cost, codes := underCrowd(t, server.URL, []string{
			status, "/debug/hotgate/cgo", "/debug/hotgate/heartbeat", "/debug/hotgate/healthz", "/debug/pprof/goroutine",
			"/debug/pprof/profile?seconds=1",
		})
		disturbed = append(disturbed, cost)
		if codes[429] == 0 || codes[200] == 0 {
			t.Errorf("answers: %v", codes)
		}
	}
	t.Logf("CPU seconds a request: %.6f, without the probe %.6f", disturbed, plain)
	if median(disturbed) > 2*median(plain) {
		t.Errorf("a request took %.6f s of CPU time, and %.6f s where the probe had no part in it", disturbed, plain)
	}
}

// underCrowd gives the CPU time of one request, in seconds, of 1,000 clients that ask for the paths, and what they were
// answered. Meanwhile the service does its own work.
func underCrowd(t *testing.T, base string, paths []string) (cost float64, codes map[int]int) {
	t.Helper()
	quit := make(chan struct{})
	var crowd sync.WaitGroup
	var mu sync.Mutex
	codes = map[int]int{}
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	begun := clock.CPUSeconds()
	for i := 0; i < 1000; i++ {
		crowd.Add(1)
		path := paths[i%len(paths)]
		go func() {
			defer crowd.Done()
			for {
				select {
				case <-quit:
					return
				case <-time.After(200 * time.Millisecond):
				}
				response, err := client.Get(base + path)
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				mu.Lock()
				codes[response.StatusCode]++
				mu.Unlock()
			}
		}()
	}
	for i := 0; i < 25; i++ {
		time.Sleep(20 * time.Millisecond)
		if got := fetch(t, base+"/work"); got != "done" {
			t.Fatalf("the service said %q", got)
		}
	}
	close(quit)
	crowd.Wait()
	answers := 0
	for _, number := range codes {
		answers += number
	}
	return (clock.CPUSeconds() - begun) / float64(answers), codes
}

func TestASlowClientHoldsNeitherProfilerNorPlace(t *testing.T) {
	p := start(t, quiet)
	address, err := p.ServeEndpoints("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2*guard.Concurrent; i++ {
		conn, err := net.Dial("tcp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "GET /debug/pprof/goroutine?debug=2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "GET /debug/pprof/profile?seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	eventually(t, "it records", func() bool { return p.profiler.Current() == profile.OwnerEndpoint })
	conn.Close()
	eventually(t, "it stops with its client", func() bool { return p.profiler.Current() == profile.OwnerNone })
	get(t, "http://"+address.String()+status, 200, nil)
}

func TestTheProfilerBelongsToWhoHasIt(t *testing.T) {
	base := serve(t, start(t, quiet))
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	get(t, base+"/debug/pprof/profile?seconds=1", 409, nil)
	pprof.StopCPUProfile()
	header := get(t, base+"/debug/pprof/profile?seconds=1", 200, nil)
	if header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%v", header)
	}
}
