package goprobe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotgate/goprobe/internal/descriptor"
)

var quick = DrainOptions{Announce: 100 * time.Millisecond, Linger: 10 * time.Millisecond, Timeout: 5 * time.Second}

// Two servers share a socket, as an old and a new process do; the old one is drained under load.
func TestDrainLosesNothing(t *testing.T) {
	listener := listenTCP(t)
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	var served [2]atomic.Int64
	servers := [2]*http.Server{}
	for i := range servers {
		i := i
		servers[i] = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(5 * time.Millisecond)
			served[i].Add(1)
		})}
		defer servers[i].Close()
	}
	Drainable(servers[0])
	Drainable(servers[0])
	ended := make(chan error, 1)
	go func() { ended <- servers[0].Serve(listener) }()
	quit := make(chan struct{})
	results := make(chan string, 100)
	for i := 0; i < 8; i++ {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
		go func() {
			for n := 0; ; n++ {
				select {
				case <-quit:
					results <- ""
					return
				default:
				}
				response, err := client.Post("http://"+listener.Addr().String(), "text/plain", strings.NewReader("x"))
				if err != nil {
					results <- err.Error()
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}()
	}
	eventually(t, "the old one serves", func() bool { return served[0].Load() > 20 })
	go func() { _ = servers[1].Serve(second) }()
	patient := DrainOptions{Announce: 500 * time.Millisecond, Linger: 10 * time.Millisecond}
	if err := Drain(context.Background(), servers[0], patient, listener); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	before, other := served[0].Load(), served[1].Load()
	eventually(t, "the new one serves on", func() bool { return served[1].Load() > other+20 })
	close(quit)
	for i := 0; i < 8; i++ {
		if failed := <-results; failed != "" {
			t.Error(failed)
		}
	}
	if served[0].Load() != before {
		t.Errorf("served %d, then %d; the other %d", before, served[0].Load(), served[1].Load())
	}
}

// A server on a busy machine has not read yet what has arrived: that connection is not quiet.
func TestARequestThatNobodyHasReadIsNotLost(t *testing.T) {
	l := listenTCP(t)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d := newDrainer(nil)
	d.track(conn, http.StateNew)
	if left := d.closeQuiet(time.Hour / freshPatience); left != 1 {
		t.Error(left)
	}
	fmt.Fprint(client, "GET / HTTP/1.1\r\n")
	eventually(t, "it has arrived", func() bool { return descriptor.Unread(conn) })
	for _, state := range []http.ConnState{http.StateNew, http.StateIdle} {
		d.track(conn, state)
		d.closeQuiet(0)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if line != "GET / HTTP/1.1\r\n" || err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	d.closeQuiet(0)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("one that is quiet stays: %v", err)
	}
	if descriptor.Unread(conn) {
		t.Error("a closed one has something to read")
	}
}

func TestDrainNeedsPreparing(t *testing.T) {
	if err := Drain(context.Background(), &http.Server{}, quick); !errors.Is(err, ErrNotDrainable) {
		t.Error(err)
	}
}

func TestDrainGivesUpOnARequestWithoutEnd(t *testing.T) {
	p := start(t, quiet)
	l, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })}
	defer server.Close()
	defer close(release)
	go func() { _ = p.Serve(l, server) }()
	go func() { _, _ = http.Get("http://" + l.Addr().String()) }()
	eventually(t, "it is under way", func() bool { return p.servers.active(true) == 1 })
	o := quick
	o.Timeout = 300 * time.Millisecond
	if err := p.drain(context.Background(), o); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	p.undrain()
	refusedFor(t, p, ReasonInFlight)
}

// After a drain that is taken back the server goes on as before, and what came meanwhile was only late.
func TestADrainCanBeTakenBack(t *testing.T) {
	p := start(t, quiet)
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(t.TempDir(), "s")
		}
		l, err := p.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "done") })}
		defer server.Close()
		go func() { _ = p.Serve(l, server) }()
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
		}}}
		ask := func() error {
			response, err := client.Get("http://localhost/")
			if err == nil {
				response.Body.Close()
			}
			return err
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		if err := p.drain(context.Background(), quick); err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() { answered <- ask() }()
		select {
		case err := <-answered:
			t.Fatalf("answered while paused: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		p.undrain()
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

func TestAClosedListenerStillQueues(t *testing.T) {
	p := start(t, quiet)
	l, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := p.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("the name was given twice")
	}
	if err := l.Drop(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("a dropped listener still queues")
	}
	if len(p.listeners.handed()) != 0 {
		t.Error("a dropped listener would be handed over")
	}
}
