package goprobe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotgate/goprobe/internal/testkit"
)

// lingering is a GracefulServer of lines: GracefulStop says "bye" on every connection, and waits until the client closes it.
type lingering struct {
	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	stopped  bool
	all      sync.WaitGroup
}

func (s *lingering) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener = l
	s.mu.Unlock()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.all.Add(1)
		s.mu.Unlock()
		go func() {
			defer s.all.Done()
			defer conn.Close()
			for in := bufio.NewScanner(conn); in.Scan(); {
				fmt.Fprintf(conn, "%s\n", in.Text())
			}
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		}()
	}
}

func (s *lingering) GracefulStop() {
	s.mu.Lock()
	_ = s.listener.Close()
	for conn := range s.conns {
		fmt.Fprintln(conn, "bye")
	}
	s.mu.Unlock()
	s.all.Wait()
}

func (s *lingering) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// A server that stops gracefully is drained, also against its clients' will, and built anew when the update failed.
func TestServersThatStopGracefully(t *testing.T) {
	p := start(t, quiet)
	l, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var built atomic.Int64
	ended := make(chan error, 1)
	go func() {
		ended <- p.ServeGraceful(l, func() GracefulServer {
			built.Add(1)
			return &lingering{conns: map[net.Conn]bool{}}
		})
	}()
	for turn := 1; turn <= 3; turn++ {
		polite, rude := dialLine(t, l.Addr()), dialLine(t, l.Addr())
		row := ServerRow{"graceful", l.Addr().String(), 2}
		if facts := p.connections(); facts.Drained != 2 || len(facts.Servers) != 1 || facts.Servers[0] != row {
			t.Errorf("%+v", facts)
		}
		go func() {
			in := bufio.NewReader(polite)
			for line := ""; line != "bye\n"; {
				var err error
				if line, err = in.ReadString('\n'); err != nil {
					t.Error(err)
					return
				}
			}
			polite.Close()
		}()
		o := quick
		o.Graceful = 100 * time.Millisecond
		if err := p.drain(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		if facts := p.connections(); facts.Drained != 0 {
			t.Errorf("%+v", facts)
		}
		waiting, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		p.undrain()
		fmt.Fprintln(waiting, "hello")
		_ = waiting.SetDeadline(time.Now().Add(testkit.Patience))
		expectLine(t, bufio.NewReader(waiting), "hello")
		waiting.Close()
		rude.Close()
		if built.Load() != int64(turn)+1 {
			t.Errorf("%d servers after %d updates", built.Load(), turn)
		}
		eventually(t, "it is gone", func() bool { return p.connections().Drained == 0 })
	}
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if len(p.connections().Servers) != 0 {
		t.Error("it is still listed")
	}
	foreign := listenTCP(t)
	defer foreign.Close()
	if err := p.ServeGraceful(foreign, nil); err == nil {
		t.Error("served a listener that is not handed over")
	}
}

func dialLine(t *testing.T, address net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	fmt.Fprintln(conn, "hello")
	expectLine(t, bufio.NewReader(conn), "hello")
	return conn
}
