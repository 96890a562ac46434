package goprobe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A reverse proxy on this host asks from loopback, for whoever asked it.
func TestWithoutATokenNothingForwardedIsAnswered(t *testing.T) {
	p, withToken := start(t, quiet), start(t, Options{NoHeartbeat: true, Token: "0123456789abcdef"})
	for _, name := range []string{
		"Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Proto", "X-Forwarded-Anything",
	} {
		code, body := ask(p, "127.0.0.1", "localhost", "GET", status, map[string]string{name: "192.0.2.1"}, nil)
		if code != 403 || !strings.Contains(body, `"forbidden"`) || !strings.Contains(body, "ServeEndpoints") {
			t.Errorf("%s: %d %s", name, code, body)
		}
		header := map[string]string{name: "192.0.2.1", "Authorization": "Bearer 0123456789abcdef"}
		if code, body := ask(withToken, "127.0.0.1", "localhost", "GET", status, header, nil); code != 200 {
			t.Errorf("%s with the token: %d %s", name, code, body)
		}
	}
}

func TestWithoutATokenTheClientIsOnThisHost(t *testing.T) {
	p := start(t, quiet)
	for remote, want := range map[string]int{
		"127.0.0.1:9": 200, "[::1]:9": 200, "127.9.9.9:9": 200, "192.0.2.1:9": 403, "[fe80::1%eth0]:9": 403, "": 403, "@": 403,
	} {
		r := httptest.NewRequest("GET", status, nil)
		r.Host, r.RemoteAddr = "localhost", remote
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})))
		w := httptest.NewRecorder()
		p.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %q: %d", remote, w.Code)
		}
	}
	r := httptest.NewRequest("GET", status, nil)
	r.Host, r.RemoteAddr = "localhost", "@"
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Name: "/run/s", Net: "unix"})))
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("at a unix socket: %d", w.Code)
	}
}
