// Package guard keeps requests to the endpoints from slowing the service: who is answered, how often, how many at once,
// and how much of the CPU an expensive answer gets.
package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What is answered.
const (
	RequestsPerSec = 50
	RequestsBurst  = 100
	Concurrent     = 4

	maxQuery        = 1024
	maxBodyAccepted = 0
)

// Guard decides whether a request is answered at all. It costs next to nothing, so that a crowd of clients takes nothing
// from the service.
type Guard struct {
	token *[sha256.Size]byte // nil without one
	slots chan struct{}

	mu     sync.Mutex
	tokens float64 // of the bucket
	last   time.Time
}

// New makes a guard; without a token it answers loopback addresses only.
func New(token string) *Guard {
	g := &Guard{slots: make(chan struct{}, Concurrent), tokens: RequestsBurst}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		g.token = &sum
	}
	return g
}

// TokenRequired tells whether it was made with a token.
func (g *Guard) TokenRequired() bool { return g.token != nil }

// Refusal says why a request is not answered, and what next.
type Refusal struct {
	Status        int
	Code          string
	Message, Hint string
	Retry         bool // the same request may be answered later
}

// Check gives why a request is refused, nil when it is not.
func (g *Guard) Check(r *http.Request) *Refusal {
	if refused := g.authorise(r); refused != nil {
		return refused
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return &Refusal{http.StatusMethodNotAllowed, "method_not_allowed", "only GET and HEAD are answered", "", false}
	}
	if r.ContentLength != maxBodyAccepted || len(r.URL.RawQuery) > maxQuery {
		return &Refusal{http.StatusRequestEntityTooLarge, "too_large", "the request has a body, or too long a query", "", false}
	}
	if !g.allow(time.Now()) {
		return &Refusal{http.StatusTooManyRequests, "too_many_requests", "more than 50 requests a second",
			"ask less often; one poller an interval is what this is made for", true}
	}
	return nil
}

// authorise compares the token in constant time. Without one, only loopback is answered, from loopback, and only under a
// name that says so: a web page can make a browser ask this address under a name of its own. A reverse proxy on this host
// asks from loopback for others; most say so in a header.
func (g *Guard) authorise(r *http.Request) *Refusal {
	if g.token != nil {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(given))
		if subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1 && ok {
			return nil
		}
		return &Refusal{http.StatusUnauthorized, "unauthorized", "the token is missing or wrong",
			"send Authorization: Bearer TOKEN", false}
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); !ok || !isLoopback(local) || !fromLoopback(r, local) {
		return &Refusal{http.StatusForbidden, "forbidden", "without a token only loopback addresses are answered",
			"set Options.Token", false}
	}
	if !isLocalName(r.Host) {
		return &Refusal{http.StatusForbidden, "forbidden", "without a token the host has to be localhost or a loopback address",
			"ask by 127.0.0.1, or set Options.Token", false}
	}
	if isForwarded(r.Header) {
		return &Refusal{http.StatusForbidden, "forbidden", "the request was forwarded, and without a token none of those is answered",
			"set Options.Token, or serve the endpoints on a port of their own with ServeEndpoints", false}
	}
	return nil
}

// fromLoopback tells whether the client is on this host. One at a unix socket always is, and has no address.
func fromLoopback(r *http.Request, local net.Addr) bool {
	if _, ok := local.(*net.UnixAddr); ok {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	host, _, _ = strings.Cut(host, "%") // a zone
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// isForwarded tells whether a proxy says that it forwards a request: Forwarded of RFC 7239, Via of RFC 9110, and what
// proxies sent before there was a standard.
func isForwarded(header http.Header) bool {
	for name := range header {
		switch {
		case name == "Forwarded", name == "Via", name == "X-Real-Ip", strings.HasPrefix(name, "X-Forwarded"):
			return true
		}
	}
	return false
}

func isLoopback(address net.Addr) bool {
	switch address := address.(type) {
	case *net.TCPAddr:
		return address.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip := net.ParseIP(host)
	return host == "" || strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}

// allow is a token bucket.
func (g *Guard) allow(at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.last.IsZero() {
		g.tokens += at.Sub(g.last).Seconds() * RequestsPerSec
	}
	if g.tokens > RequestsBurst {
		g.tokens = RequestsBurst
	}
	g.last = at
	if g.tokens < 1 {
		return false
	}
	g.tokens--
	return true
}

// Enter takes one of the places in which answers are made.
func (g *Guard) Enter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// Leave gives it back.
func (g *Guard) Leave() { <-g.slots }
