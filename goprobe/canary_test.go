//go:build linux

package goprobe

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/testkit"
)

// crowd asks from many addresses, a connection a request, until stop.
type crowd struct {
	asked, failed, atNew atomic.Int64
	quit                 chan struct{}
	all                  sync.WaitGroup
	firstBad, lastBad    atomic.Int64 // when, in ns since 1970
}

// client asks from an address of its own.
func (s *service) client(address string, keepAlive bool) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: !keepAlive, TLSClientConfig: s.secure.Clone(),
	}}
}

// askWork asks once, and gives the answer's text.
func askWork(c *http.Client, url string) (string, error) {
	response, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return strings.TrimSpace(string(body)), err
}

func (s *service) crowd(clients int) *crowd {
	c := &crowd{quit: make(chan struct{})}
	for i := 0; i < clients; i++ {
		i := i
		c.all.Add(1)
		go func() {
			defer c.all.Done()
			random := rand.New(rand.NewSource(int64(i)))
			for n := 0; ; n++ {
				select {
				case <-c.quit:
					return
				case <-time.After(5 * time.Millisecond):
				}
				one := s.client(fmt.Sprintf("127.%d.%d.%d", i+1, random.Intn(250), 1+random.Intn(250)), n%2 == 0)
				for request := 0; request <= n%2; request++ {
					c.asked.Add(1)
					text, err := askWork(one, s.url("/work"))
					if err != nil {
						if c.failed.Add(1) < 10 {
							s.t.Logf("lost: %v", err)
						}
						c.firstBad.CompareAndSwap(0, time.Now().UnixNano())
						c.lastBad.Store(time.Now().UnixNano())
					} else if text == "canary" {
						c.atNew.Add(1)
					}
				}
				one.CloseIdleConnections()
			}
		}()
	}
	return c
}

func (c *crowd) stop() {
	close(c.quit)
	c.all.Wait()
}

const canarySettings = `GOPROBE_TEST_CANARY={"Share": 0.25, "For": %d, "Warmup": 200000000, "SharesState": true, ` +
	`"MinRequests": 20, "HangTimeout": 60000000000}`

// canaryService has counted some requests already.
func canaryService(t *testing.T, next string, settings ...string) *service {
	t.Helper()
	return secureCanaryService(t, nil, next, settings...)
}

func secureCanaryService(t *testing.T, secure *tls.Config, next string, settings ...string) *service {
	t.Helper()
	s := startService(t, append([]string{"GOPROBE_TEST_NEXT=" + next + " in canary"}, settings...)...)
	s.secure = secure
	one := s.client("127.0.0.1", true)
	defer one.CloseIdleConnections()
	for i := 0; i < 150; i++ {
		if _, err := askWork(one, s.url("/work")); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func seconds(n int) string { return fmt.Sprintf(canarySettings, time.Duration(n)*time.Second) }

// judgedBy are the settings of a canary that a URL decides on.
func judgedBy(url string, share float64) string {
	text := strings.Replace(seconds(600), "0.25", fmt.Sprint(share), 1)
	return strings.Replace(text, `{`, `{"URL": "`+url+`", `, 1)
}

func TestAGoodCanaryIsPromotedAndNothingIsLost(t *testing.T) {
	for _, wrap := range []string{"", "tls"} {
		wrap := wrap
		t.Run("wrapped in "+wrap, func(t *testing.T) {
			t.Parallel()
			aGoodCanary(t, wrap)
		})
	}
}

func aGoodCanary(t *testing.T, wrap string) {
	// It is promoted when both sides have answered some, however long that takes. Connections without a request may take their
	// time, too: the announcement has its usual length.
	judge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var now CanaryStatus
		decision := CanaryWait
		if json.NewDecoder(r.Body).Decode(&now) == nil && now.New.Requests >= 20 && now.Old.Requests >= 20 {
			decision = CanaryPromote
		}
		fmt.Fprintf(w, `{"decision": %q}`, decision)
	}))
	defer judge.Close()
	settings, secure := []string{judgedBy(judge.URL, 0.25), "GOPROBE_TEST_PATIENT=1"}, (*tls.Config)(nil)
	if wrap != "" {
		folder := t.TempDir()
		secure = certificate(t, folder)
		settings = append(settings, "GOPROBE_TEST_WRAP="+wrap, "GOPROBE_TEST_TLS="+folder)
	}
	s := secureCanaryService(t, secure, "good", settings...)
	own := s.client("127.0.0.1", false)
	if err := s.order(own); err != nil {
		t.Fatal(err)
	}
	c := s.crowd(6)
	s.upgrade()
	s.line("canary")
	s.ready(2)
	eventually(t, "the canary answers", func() bool { return c.atNew.Load() > 0 })
	c.stop()
	if c.failed.Load() != 0 || c.atNew.Load() == 0 {
		t.Errorf("%d of %d requests failed, %d were answered by the canary", c.failed.Load(), c.asked.Load(), c.atNew.Load())
	}
	text, err := askWork(own, s.url("/debug/hotgate/status"))
	var status Status
	if err != nil || json.Unmarshal([]byte(text), &status) != nil {
		t.Fatal(err, text)
	}
	found := status.Canary
	if found == nil || found.State != "promoted" || found.Decision != "promote" || found.EndedMonotonicNS == 0 {
		t.Fatalf("%+v", found)
	}
	passing := found.Passing
	if off := float64(passing.Passed) - 0.25*float64(passing.Accepted); off < -21 || off > 21 || passing.Passed == 0 {
		t.Errorf("the share is off by %v: %+v", off, passing)
	}
	if found.New.Requests == 0 || found.Old.Requests == 0 || found.New.Failed+found.Old.Failed != 0 || passing.Cut != 0 {
		t.Errorf("%+v", found)
	}
	if found.Epoch == status.Image.Epoch || found.Epoch == status.Image.PreviousEpoch || found.GoBuildID != status.Image.GoBuildID {
		t.Errorf("%+v, and the image is %+v", found, status.Image)
	}
	if text, err := askWork(own, s.url("/orders")); err != nil || text != "2 2" {
		t.Errorf("orders and generation: %q, %v", text, err)
	}
}

// Whatever is wrong with it, a canary hurts at most its share, and the old image serves on and can be updated later.
func TestABadCanaryEnds(t *testing.T) {
	cases := []struct {
		next, code, says string
		harmless, slow   bool
		clients          int // that ask at the same time; 4 unless set
	}{
		{next: "500", code: CanaryFailures, says: "requests failed, beside it 0 of"},
		{next: "slow", code: CanaryLatency, says: "or longer, beside it", harmless: true},
		{next: "stuck", code: CanaryLatency, says: "or longer, beside it", slow: true, clients: 16},
		{next: "crash", code: CanaryCrashed, says: "exit status 3"},
		{next: "stopped", code: CanaryHung, says: "it hangs: it has said nothing for"},
		{next: "deaf", code: CanaryHung, says: "it has not accepted a connection", harmless: true},
		{next: "memory", code: CanaryMemory, says: "of memory, more than the"},
	}
	for _, c := range cases {
		c := c
		t.Run(c.next, func(t *testing.T) {
			t.Parallel()
			if c.slow {
				skipShort(t)
			}
			if c.clients == 0 {
				c.clients = 4
			}
			settings := seconds(600)
			if c.code == CanaryHung {
				settings = strings.Replace(settings, `"HangTimeout": 60`, `"HangTimeout": 1`, 1)
			}
			s := canaryService(t, c.next, settings, "GOPROBE_TEST_TIMEOUT=1s")
			before := s.status()
			crowd := s.crowd(c.clients)
			s.upgrade()
			s.line("canary")
			said := s.line("upgrade:")
			if !strings.Contains(said, c.says) || !strings.Contains(said, "the old image serves on") {
				t.Errorf("said %q, want %q in it", said, c.says)
			}
			crowd.stop()
			status := s.status()
			found := status.Canary
			if found == nil || found.State != "ended" || found.Code != c.code || status.Update.State != stateFailed ||
				status.Update.Refused[0].Code != ReasonCanary {
				t.Fatalf("%+v", status)
			}
			if status.Image != before.Image {
				t.Errorf("%+v", status.Image)
			}
			passing := found.Passing
			if float64(passing.Passed) > 0.25*float64(passing.Accepted)+21 {
				t.Errorf("it got more than its share: %+v", passing)
			}
			// A connection has at most two requests.
			if failed := crowd.failed.Load(); failed > 2*passing.Passed || (c.harmless && failed > 0) {
				t.Errorf("%d requests failed: %+v", failed, passing)
			}
			if len(status.Descriptors.Inheritable) != len(before.Descriptors.Inheritable) {
				t.Errorf("descriptors leak: %+v", status.Descriptors.Inheritable)
			}
		})
	}
}

// A good canary has still to drain.
func TestACanaryThatFailsWhileItDrainsIsNotPromoted(t *testing.T) {
	t.Run("crash at drain", func(t *testing.T) {
		t.Parallel()
		judge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var now CanaryStatus
			decision := "wait"
			if json.NewDecoder(r.Body).Decode(&now) == nil && now.Passing.Open >= 3 { // that ask again
				decision = "promote"
			}
			fmt.Fprintf(w, `{"decision": %q}`, decision)
		}))
		defer judge.Close()
		s, said := drained(t, "crash at drain", judgedBy(judge.URL, 0.25))
		notPromoted(t, s, said, CanaryCrashed, "it was good, and ended with exit status 5 while it drained")
	})
	t.Run("500 at drain", func(t *testing.T) {
		t.Parallel()
		for n := 3; ; n *= 4 {
			s, said := drained(t, "500 at drain", seconds(n))
			// On a busy machine too few have come to the canary until then, and none of them asks it while it drains.
			if strings.HasPrefix(said, "ready") && n < 40 {
				continue
			}
			notPromoted(t, s, said, CanaryFailures, "while it drained: ")
			break
		}
	})
}

// drained has a canary drain that many clients stay connected to; the line is what the service says of it.
func drained(t *testing.T, next, settings string) (*service, string) {
	t.Helper()
	settings = strings.Replace(settings, `"MinRequests": 20`, `"MinRequests": 1, "MinCount": 3`, 1)
	s := canaryService(t, next, settings, "GOPROBE_TEST_PATIENT=1")
	quit, all := make(chan struct{}), sync.WaitGroup{}
	for i := 0; i < 120; i++ {
		one := s.client(fmt.Sprintf("127.0.6.%d", i+1), true)
		all.Add(1)
		go func() {
			defer all.Done()
			defer one.CloseIdleConnections()
			for again := 0; ; again++ {
				select {
				case <-quit:
					return
				case <-time.After(60 * time.Millisecond):
				}
				if _, err := askWork(one, s.url("/work")); err != nil || again%10 == 9 {
					one.CloseIdleConnections()
				}
			}
		}()
	}
	defer all.Wait()
	defer close(quit)
	s.upgrade()
	s.line("canary")
	return s, s.line("")
}

func notPromoted(t *testing.T, s *service, said, code, why string) {
	t.Helper()
	if !strings.HasPrefix(said, "upgrade:") || !strings.Contains(said, why) {
		t.Fatalf("said %q", said)
	}
	if found := s.status().Canary; found.Code != code || found.State != "ended" || found.Decision != string(CanaryEnd) {
		t.Errorf("%+v", found)
	}
}

func TestACanaryThatCannotStartEnds(t *testing.T) {
	s := canaryService(t, "none", seconds(600), "GOPROBE_TEST_NOTRIAL=1", "GOPROBE_TEST_NEXT=crash")
	s.upgrade()
	if said := s.line("upgrade:"); !strings.Contains(said, "it ended with exit status 1 before it was ready") {
		t.Errorf("said %q", said)
	}
	if code := s.status().Canary.Code; code != CanaryNotReady {
		t.Error(code)
	}
}

// The old image, too, may be the one that goes: what the canary serves it serves to its end.
func TestACanaryEndsWithTheOldImage(t *testing.T) {
	s := canaryService(t, "good", strings.Replace(seconds(600), "0.25", "0.5", 1))
	s.upgrade()
	s.line("canary")
	var one *http.Client
	for i := 1; one == nil; i++ { // one whose connection NEW has
		candidate := s.client(fmt.Sprintf("127.1.1.%d", i), true)
		if text, err := askWork(candidate, s.url("/work")); err != nil {
			t.Fatal(err)
		} else if text == "canary" {
			one = candidate
		}
	}
	pid := s.status().Canary.PID
	_ = s.command.Process.Kill()
	_, _ = s.command.Process.Wait()
	if text, err := askWork(one, s.url("/work")); err != nil || text != "canary" {
		t.Errorf("%q, %v", text, err)
	}
	eventually(t, "its end", func() bool { return syscall.Kill(pid, 0) != nil })
}

// The probe answers for the process that clients know, whichever of the two a request comes to.
func TestTheOldImageAnswersForBoth(t *testing.T) {
	s := canaryService(t, "good", strings.Replace(seconds(600), "0.25", "0.5", 1))
	epoch := s.status().Image.Epoch
	s.upgrade()
	s.line("canary")
	atNew := 0
	for i := 1; i <= 40; i++ {
		one := s.client(fmt.Sprintf("127.1.1.%d", i), true)
		text, err := askWork(one, s.url("/work"))
		if err != nil {
			t.Fatal(err)
		}
		if text == "canary" {
			atNew++
		}
		text, err = askWork(one, s.url("/debug/hotgate/status"))
		var status Status
		if err != nil || json.Unmarshal([]byte(text), &status) != nil || status.Image.Epoch != epoch ||
			status.Canary.State != "running" {
			t.Fatalf("%v: %s", err, text)
		}
		one.CloseIdleConnections()
	}
	if atNew == 0 || atNew == 40 {
		t.Errorf("%d of 40 addresses are at NEW", atNew)
	}
}

// A URL decides, and sees what it decides on.
func TestAJudgeByHTTP(t *testing.T) {
	for _, c := range []struct{ decision, says string }{
		{"promote", ""}, {"end", "nobody likes it"}, {"undecided", "nobody likes it"},
	} {
		c := c
		t.Run(c.decision, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			judge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var now CanaryStatus
				if err := json.NewDecoder(r.Body).Decode(&now); err != nil || now.State != "running" || r.Method != http.MethodPost ||
					r.Header.Get("Authorization") != "Bearer the token of the judge" {
					t.Errorf("%v: %+v", err, now)
				}
				switch asked.Add(1) {
				case 1:
					http.Error(w, "later", http.StatusServiceUnavailable)
				case 2:
					fmt.Fprint(w, `{"decision": "maybe"}`)
				default:
					fmt.Fprintf(w, `{"decision": %q, "reason": "nobody likes it"}`, c.decision)
				}
			}))
			defer judge.Close()
			s := canaryService(t, "good", judgedBy(judge.URL, 0.25))
			s.upgrade()
			s.line("canary")
			if c.decision == "promote" {
				s.ready(2)
			} else if said := s.line("upgrade:"); !strings.Contains(said, c.says) {
				t.Errorf("said %q", said)
			} else if found := s.status().Canary; found.Decision != c.decision ||
				(found.Code == CanaryNoDecision) != (c.decision == "undecided") {
				t.Errorf("%+v", found)
			}
		})
	}
}

// Kept connections of a canary come back with their sessions, half of a line included, and are kept over the update.
func TestKeptConnectionsComeBackFromACanary(t *testing.T) {
	for _, c := range []struct {
		name, judge string
		promoted    bool
	}{{"promoted", `{"decision": "promote"}`, true}, {"ended", `{"decision": "end"}`, false}} {
		c := c
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var decided atomic.Bool
			judge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if decided.Load() {
					_, _ = io.WriteString(w, c.judge)
				} else {
					_, _ = io.WriteString(w, `{"decision": "wait"}`)
				}
			}))
			defer judge.Close()
			s := startConns(t, 0, judgedBy(judge.URL, 0.5))
			before := newPeer(s.dial("tcp", s.tcp))
			s.upgrade()
			s.line("canary")
			eventually(t, "the canary", func() bool { return s.status().Canary.State == "running" })
			peers, framed := []*peer{before}, []net.Conn{}
			for i := 0; i < 40; i++ {
				dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 3, byte(i+1))}}
				network, address := "tcp", s.tcp
				if i%4 == 1 {
					network, address, dialer = "unix", s.unix, &net.Dialer{}
				}
				conn, err := dialer.Dial(network, address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				peers = append(peers, newPeer(conn))
				dialer = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 4, byte(i+1))}}
				frame, err := dialer.Dial("tcp", s.frames)
				if err != nil {
					t.Fatal(err)
				}
				defer frame.Close()
				framed = append(framed, frame)
			}
			atNew := 0
			for _, p := range peers {
				p.beside = true
				for n := 0; n < 3; n++ {
					if err := p.ask(); err != nil {
						t.Fatal(err)
					}
				}
				if p.generation == 2 {
					atNew++
				}
				if _, err := io.WriteString(p.conn, "line-"); err != nil { // half of the next
					t.Fatal(err)
				}
			}
			if atNew == 0 || atNew == len(peers) {
				t.Fatalf("%d of %d connections are at NEW", atNew, len(peers))
			}
			for _, conn := range framed {
				if _, err := conn.Write([]byte{0, 0, 0, 3, 'a'}); err != nil {
					t.Fatal(err)
				}
			}
			decided.Store(true)
			generation := 1
			if c.promoted {
				s.up(2)
				generation = 2
			} else {
				s.line("upgrade:")
			}
			for i, p := range peers {
				p.sent++
				_, err := fmt.Fprintf(p.conn, "%d\n", p.sent)
				_ = p.conn.SetReadDeadline(time.Now().Add(testkit.Patience))
				for answer := false; err == nil && !answer; {
					answer, err = p.receive()
				}
				if err == nil {
					err = p.ask()
				}
				if err != nil || p.generation != generation {
					t.Fatalf("connection %d is answered by generation %d: %v", i, p.generation, err)
				}
			}
			for _, conn := range framed {
				if _, err := conn.Write([]byte("bc")); err != nil {
					t.Fatal(err)
				}
				answer := make([]byte, 7)
				_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
				if _, err := io.ReadFull(conn, answer); err != nil || string(answer[4:]) != "abc" {
					t.Fatalf("%q, %v", answer, err)
				}
			}
			status := s.status()
			if status.Canary.Passing.Cut != 0 || status.Connections.Kept != len(peers)+len(framed) {
				t.Errorf("%+v, %d are kept", status.Canary.Passing, status.Connections.Kept)
			}
		})
	}
}

// A server that stops gracefully gets what is passed, and is drained with the others.
func TestAGracefulServerInACanary(t *testing.T) {
	p := start(t, quiet)
	own, file, err := canary.Pair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := canary.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	defer other.Close()
	inner := newPassedListener(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
	l := newListener("http", inner, &p.listeners)
	p.listeners.list = append(p.listeners.list, l)
	go func() {
		_ = p.ServeGraceful(l, func() GracefulServer { return &lingering{conns: map[net.Conn]bool{}} })
	}()
	server, client := net.Pipe()
	if !inner.put(passedConn{server, 7, &beside{link: own}}) {
		t.Fatal("it takes nothing")
	}
	if m, err := other.Receive(); err != nil || m.Kind != canary.KindTaken || m.Number != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	in := bufio.NewReader(client)
	fmt.Fprintln(client, "hello")
	expectLine(t, in, "hello")
	done := make(chan error, 1)
	go func() { done <- p.drain(context.Background(), quick) }()
	expectLine(t, in, "bye")
	_ = client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if left := inner.refuse(); len(left) != 0 || inner.put(passedConn{server, 8, nil}) {
		t.Error("it takes more")
	}
}

// What the old image could not read again is not shared at all.
func TestSessionsThatCannotComeBackAreNotShared(t *testing.T) {
	s := startConns(t, 0, "GOPROBE_TEST_NEXT=conns migrate", seconds(600))
	s.upgrade()
	s.line("canary")
	eventually(t, "the canary", func() bool { return s.status().Canary.State == "running" })
	for i := 0; i < 40; i++ {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 3, byte(i+1))}}
		conn, err := dialer.Dial("tcp", s.tcp)
		if err != nil {
			t.Fatal(err)
		}
		p := newPeer(conn)
		if err := p.ask(); err != nil || p.generation != 1 {
			t.Fatalf("generation %d, %v", p.generation, err)
		}
		_ = conn.Close()
	}
}

func TestDamagedReturnsAreRefused(t *testing.T) {
	file := func() *os.File {
		f, err := os.CreateTemp(t.TempDir(), "f")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	p := start(t, quiet)
	g := givenBack{}
	for _, m := range []*canary.Message{
		{Kind: canary.KindKept, Number: 2}, {Kind: canary.KindKeptConn, Number: 1, File: file()},
	} {
		if g.take(m) == nil {
			t.Errorf("%+v was taken", m)
		}
	}
	if err := g.take(&canary.Message{Kind: canary.KindKept, Number: 2, File: file()}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*canary.Message{
		{Kind: canary.KindKept, Number: 2, File: file()}, {Kind: canary.KindKeptConn, Number: 2, File: file()},
	} {
		if g.take(m) == nil {
			t.Errorf("%+v was taken", m)
		}
	}
	if err := g.take(&canary.Message{Kind: canary.KindKeptConn, Number: 1, File: file()}); err != nil {
		t.Fatal(err)
	}
	if lost, err := g.adopt(p); lost != 2 || err == nil { // the file is not sealed
		t.Errorf("%d lost, %v", lost, err)
	}
}

func TestCanariesOnUnixSockets(t *testing.T) {
	p := start(t, quiet)
	path := t.TempDir() + "/s"
	l, err := p.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Ready()
	run, other := passingTo(t, p, l, 0.5)
	var staying atomic.Bool
	run.o.Stays = func(net.Conn) bool { return staying.Load() }
	go func() {
		for { // accepts everything at once
			m, err := other.Receive()
			if err != nil {
				return
			}
			conn, err := net.FileConn(m.File)
			_ = m.File.Close()
			if err == nil {
				_, _ = conn.Write([]byte("new"))
				_ = conn.Close()
			}
			_ = other.Send(17, m.Number, nil, -1)
		}
	}()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("old"))
			_ = conn.Close()
		}
	}()
	said := map[string]int{}
	for i := 0; i < 440; i++ {
		staying.Store(i >= 400)
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(bufio.NewReader(conn))
		said[string(text)]++
		_ = conn.Close()
	}
	accepted, passed, _ := run.chooser.Counts()
	if accepted != 400 || said["old"]+said["new"] != 440 || said["new"] != int(passed) || passed < 180 || passed > 220 {
		t.Errorf("%v, %d passed", said, passed)
	}
}

func TestCanaryOptionsAreChecked(t *testing.T) {
	good := CanaryOptions{Share: 0.05, SharesState: true}
	if filled, err := good.filled(1 << 20); err != nil || filled.For != time.Minute || filled.MemoryLimit != 66<<20 {
		t.Errorf("%+v, %v", filled, err)
	}
	for name, change := range map[string]func(*CanaryOptions){
		"Share": func(o *CanaryOptions) { o.Share = 0.51 }, "For": func(o *CanaryOptions) { o.For = time.Millisecond },
		"Warmup": func(o *CanaryOptions) { o.Warmup = time.Hour }, "HangTimeout": func(o *CanaryOptions) { o.HangTimeout = 1 },
		"MemoryLimit": func(o *CanaryOptions) { o.MemoryLimit = -1 }, "SharesState": func(o *CanaryOptions) { o.SharesState = false },
	} {
		o := good
		change(&o)
		var wrong *OptionError
		if _, err := o.filled(0); !errors.As(err, &wrong) || wrong.Option != "UpgradeOptions.Canary."+name {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := start(t, quiet)
	_ = p.Ready()
	err := p.Upgrade(context.Background(), UpgradeOptions{NoTrial: true, Canary: CanaryOptions{Share: 0.1}})
	if err == nil || !strings.Contains(err.Error(), "goprobe: UpgradeOptions.Canary.SharesState: ") {
		t.Error(err)
	}
}

func TestTheOwnJudge(t *testing.T) {
	side := func(requests, failed, slow uint64) CanarySide {
		return CanarySide{Requests: requests, Failed: failed, Timed: requests, Slow: slow}
	}
	for _, c := range []struct {
		old, new CanarySide
		over     bool
		decision CanaryDecision
		code     string
	}{
		{side(1000, 0, 0), side(50, 0, 0), false, CanaryWait, ""},
		{side(1000, 0, 0), side(50, 10, 0), false, CanaryEnd, CanaryFailures},
		{side(1000, 0, 0), side(50, 9, 0), false, CanaryWait, ""},
		{side(1000, 0, 5), side(50, 0, 20), false, CanaryEnd, CanaryLatency},
		{side(1000, 200, 0), side(50, 12, 0), false, CanaryWait, ""},
		{side(1000, 0, 0), side(99, 0, 0), true, CanaryUndecided, CanaryTooFew},
		{side(99, 0, 0), side(1000, 0, 0), true, CanaryUndecided, CanaryTooFew},
		{side(0, 0, 0), side(0, 0, 0), true, CanaryUndecided, CanaryTooFew},
		{CanarySide{Requests: 1000}, side(1000, 0, 0), true, CanaryUndecided, CanaryTooFew}, // it is not known what is slow
		{side(1000, 0, 0), CanarySide{Requests: 1000, Timed: 99}, true, CanaryUndecided, CanaryTooFew},
		{side(1000, 3, 9), side(100, 1, 2), true, CanaryPromote, CanaryByJudge},
	} {
		decision, code, _ := CountsJudge{}.decide(CanaryStatus{Old: c.old, New: c.new, Over: c.over})
		if decision != c.decision || code != c.code {
			t.Errorf("%+v: %s, %s", c, decision, code)
		}
	}
}

func TestMeasureCounts(t *testing.T) {
	p := start(t, quiet)
	mux := http.NewServeMux()
	mux.Handle("/debug/", p.Handler())
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/missing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(500) })
	mux.HandleFunc("/hijacks", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_ = conn.Close()
	})
	mux.HandleFunc("/copies", func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(io.ReaderFrom); !ok {
			t.Error("an answer takes no reader")
		}
		w.(http.Flusher).Flush()
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(testkit.Patience)); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(w, strings.NewReader("x"))
	})
	server := httptest.NewServer(p.Measure(mux))
	defer server.Close()
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // or else it asks again after a panic
	for _, path := range []string{
		"/good", "/empty", "/missing", "/broken", "/panics", "/early", "/hijacks", "/copies", "/debug/hotgate/status",
	} {
		if response, err := once.Get(server.URL + path); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
	eventually(t, "the counts", func() bool { return p.meter.Read().Requests == 8 })
	if counts := p.meter.Read(); counts.Failed != 3 || counts.UnderWay != 0 || !counts.Valid() {
		t.Errorf("%+v", counts)
	}
	done := p.Request()
	if counts := p.meter.Read(); counts.UnderWay != 1 {
		t.Errorf("%+v", counts)
	}
	done(true)
	done(false)
	if counts := p.meter.Read(); counts.Requests != 9 || counts.Failed != 4 || counts.UnderWay != 0 {
		t.Errorf("%+v", counts)
	}
}

// passingTo makes a run that passes the connections of a listener to the link that is given.
func passingTo(t *testing.T, p *Probe, l *Listener, share float64) (*canaryRun, *canary.Link) {
	t.Helper()
	own, file, err := canary.Pair()
	if err != nil {
		t.Fatal(err)
	}
	other, err := canary.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	run := &canaryRun{
		p: p, link: own, chooser: canary.NewChooser(share), guests: newGuests(), drained: make(chan struct{}),
		shared: map[*Listener]bool{l: true}, lent: map[uint64]*lent{}, events: make(chan struct{}, 1),
	}
	go func() {
		for {
			m, err := own.Receive()
			if err != nil {
				return
			}
			if problem := run.take(m); problem != "" {
				t.Error(problem)
			}
		}
	}()
	p.listeners.canary.Store(run)
	t.Cleanup(func() {
		p.listeners.canary.Store(nil)
		_ = own.Close()
		_ = other.Close()
	})
	return run, other
}
