//go:build linux

package goprobe

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hotgate/goprobe/internal/testkit"
)

// connService is a running service with connections.
type connService struct {
	*service
	tcp, frames, tls, unix string
}

func startConns(t *testing.T, limit int, settings ...string) *connService {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &connService{service: &service{t: t, command: exec.Command(own), lines: make(chan string, 100)}}
	if limit > 0 {
		s.command = exec.Command("/bin/sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0"`, limit), own)
	}
	s.unix = filepath.Join(t.TempDir(), "s")
	s.command.Env = append(os.Environ(), serviceVariable+"=conns", "GOPROBE_TEST_UNIX="+s.unix)
	s.command.Env = append(s.command.Env, settings...)
	s.begin()
	s.up(1)
	return s
}

func (s *connService) up(generation int) {
	s.t.Helper()
	parts := strings.Split(s.ready(generation), ",")
	s.address, s.tcp, s.frames = parts[0], parts[1], parts[2]
	if len(parts) > 3 {
		s.tls = parts[3]
	}
}

// refused waits for an upgrade that fails.
func (s *connService) refused(want string) {
	s.t.Helper()
	s.upgrade()
	if said := s.line("upgrade:"); !strings.Contains(said, want) {
		s.t.Errorf("said %q, want %q in it", said, want)
	}
}

func (s *connService) dial(network, address string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// peer is a client that checks the order of everything that it gets.
type peer struct {
	conn           net.Conn
	in             *bufio.Reader
	sent, answered int
	pushed         int
	generation     int
	beside         bool // a canary may have had the connection, whose generation is the next
	mu             sync.Mutex
}

func newPeer(conn net.Conn) *peer { return &peer{conn: conn, in: bufio.NewReader(conn)} }

func (p *peer) send() error {
	p.mu.Lock()
	p.sent++
	n := p.sent
	p.mu.Unlock()
	_, err := fmt.Fprintf(p.conn, "line-%d\n", n)
	return err
}

// receive reads one line.
func (p *peer) receive() (answer bool, err error) {
	line, err := p.in.ReadString('\n')
	if err != nil {
		return false, err
	}
	var n, count, generation int
	if k, _ := fmt.Sscanf(line, "push %d", &n); k == 1 {
		p.pushed++
		if n != p.pushed {
			return false, fmt.Errorf("push %d came where %d was due", n, p.pushed)
		}
		return false, nil
	}
	if k, _ := fmt.Sscanf(line, "line-%d %d %d", &n, &count, &generation); k != 3 {
		return false, fmt.Errorf("%.60q", line)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered++
	if n != p.answered || count != p.answered || (generation < p.generation && !p.beside) {
		return false, fmt.Errorf("%q came where %d was due", line, p.answered)
	}
	p.generation = generation
	return true, nil
}

func (p *peer) ask() error {
	if err := p.send(); err != nil {
		return err
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(testkit.Patience))
	for {
		if answer, err := p.receive(); answer || err != nil {
			return err
		}
	}
}

// traffic asks and is pushed to on all of them at once, several lines under way on each, until stop.
type traffic struct {
	t     *testing.T
	peers []*peer
	quit  chan struct{}
	all   sync.WaitGroup
	count atomic.Int64
}

func startTraffic(t *testing.T, peers []*peer) *traffic {
	tr := &traffic{t: t, peers: peers, quit: make(chan struct{})}
	for i, p := range peers {
		i, p := i, p
		tr.all.Add(2)
		stopped := make(chan struct{})
		go func() {
			defer tr.all.Done()
			for last := false; !last; {
				select {
				case <-tr.quit:
					last = true
					close(stopped) // before the last line, so that its answer ends the reader
				case <-time.After(time.Duration(1+i%7) * time.Millisecond):
				}
				if err := p.send(); err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
			}
		}()
		go func() {
			defer tr.all.Done()
			for {
				_ = p.conn.SetReadDeadline(time.Now().Add(testkit.Patience))
				answer, err := p.receive()
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				if answer {
					tr.count.Add(1)
				}
				select {
				case <-stopped:
					p.mu.Lock()
					done := p.answered == p.sent
					p.mu.Unlock()
					if done {
						return
					}
				default:
				}
			}
		}()
	}
	return tr
}

func (tr *traffic) stop() int64 {
	close(tr.quit)
	tr.all.Wait()
	return tr.count.Load()
}

func (s *connService) peers(tcp, unix int) []*peer {
	s.t.Helper()
	peers := []*peer{}
	for i := 0; i < tcp; i++ {
		peers = append(peers, newPeer(s.dial("tcp", s.tcp)))
	}
	for i := 0; i < unix; i++ {
		peers = append(peers, newPeer(s.dial("unix", s.unix)))
	}
	for i, p := range peers {
		if err := p.ask(); err != nil {
			s.t.Fatalf("connection %d: %v", i, err)
		}
	}
	return peers
}

func (s *connService) alive(peers []*peer) {
	s.t.Helper()
	for i, p := range peers {
		if err := p.ask(); err != nil {
			s.t.Errorf("connection %d: %v", i, err)
		}
	}
}

func TestKeptConnectionsLoseNothing(t *testing.T) {
	s := startConns(t, 0)
	leaks := s.status().Descriptors.Inheritable
	peers := s.peers(30, 10)
	tr := startTraffic(t, peers)
	const updates = 4
	for generation := 2; generation <= 1+updates; generation++ {
		before := tr.count.Load()
		eventually(t, "traffic", func() bool { return tr.count.Load() >= before+int64(len(peers)) })
		s.upgrade()
		s.up(generation)
	}
	answered := tr.stop()
	s.alive(peers)
	pushed := 0
	for _, p := range peers {
		pushed += p.pushed
		if p.generation != 1+updates {
			t.Errorf("served by generation %d", p.generation)
		}
	}
	if answered < 1000 || pushed < 1000 {
		t.Errorf("only %d answers and %d pushes", answered, pushed)
	}
	status := s.status()
	c := status.Connections
	if c.Kept != 40 || c.TLS != 0 || c.NotKept != 0 || len(c.Rows) != 2 || c.Rows[0].Kept != 40 || c.Rows[0].Restored != 40 {
		t.Errorf("%+v", c)
	}
	if c.Last == nil || c.Last.Handed != 40 || c.Last.Restored != 40 || c.Last.ServedMonotonicNS <= c.Last.StoppedMonotonicNS {
		t.Errorf("last: %+v", c.Last)
	}
	want := []AddressRow{{s.tcp, 30}, {s.unix, 10}}
	if got := c.Rows[0].Addresses; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("addresses %+v, want %+v", got, want)
	}
	if fmt.Sprint(status.Descriptors.Inheritable) != fmt.Sprint(leaks) {
		t.Errorf("descriptors leak: %+v", status.Descriptors.Inheritable)
	}
	pause := time.Duration(c.Last.ServedMonotonicNS - c.Last.StoppedMonotonicNS)
	t.Logf("%d answers, %d pushes over %d updates; the last pause took %v", answered, pushed, updates, pause)
}

// Exec alone stops the loops and keeps the connections, too.
func TestExecAloneKeepsConnections(t *testing.T) {
	s := startConns(t, 0, "GOPROBE_TEST_EXEC=1")
	peers := s.peers(10, 5)
	tr := startTraffic(t, peers)
	for generation := 2; generation <= 3; generation++ {
		s.upgrade()
		s.up(generation)
	}
	tr.stop()
	s.alive(peers)
}

// An image whose sessions have a newer version takes over what it can read.
func TestSessionsOfAnOlderVersion(t *testing.T) {
	s := startConns(t, 0, "GOPROBE_TEST_NEXT=conns migrate")
	peers := s.peers(5, 5)
	for generation := 2; generation <= 3; generation++ {
		s.upgrade()
		s.up(generation)
		s.alive(peers)
	}
	if row := s.status().Connections.Rows[0]; row.Version != 2 || fmt.Sprint(row.Accepts) != "[1 2]" || row.Restored != 10 {
		t.Errorf("%+v", row)
	}
}

// Whatever is wrong with the new image's sessions, the old one serves on with every connection.
func TestABadImageLeavesTheOldOneWithItsConnections(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, next, says, path string }{
		{"a session is refused", "conns refuse", "this talk cannot be", ""},
		{"a session panics", "conns crash", "a session that crashes", ""},
		{"a session kills the trial", "conns die", "ended with exit status 3", ""},
		{"another version", "conns version", "version 1 are handed over", ""},
		{"a kind that is gone", "conns unregistered", "the kind is not registered", ""},
		{"exec fails", "", "exec format error", text},
	} {
		c := c
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			settings := []string{"GOPROBE_TEST_NEXT=" + c.next, "GOPROBE_TEST_PATH=" + c.path}
			if c.path != "" {
				settings = append(settings, "GOPROBE_TEST_NOTRIAL=1")
			}
			s := startConns(t, 0, settings...)
			leaks := s.status().Descriptors.Inheritable
			peers := s.peers(20, 5)
			tr := startTraffic(t, peers)
			for i := 0; i < 2; i++ {
				s.refused(c.says)
			}
			if tr.stop() == 0 {
				t.Error("no traffic")
			}
			s.alive(peers)
			status := s.status()
			if status.Image.Generation != 1 || status.Connections.Kept != 25 || status.Update.State != stateFailed {
				t.Errorf("%+v", status)
			}
			if fmt.Sprint(status.Descriptors.Inheritable) != fmt.Sprint(leaks) {
				t.Errorf("descriptors leak: %+v", status.Descriptors.Inheritable)
			}
		})
	}
}

// A frame of which a part has come when the update begins is answered whole by the next image.
func TestHalfReadFramesAtEveryByte(t *testing.T) {
	s := startConns(t, 0)
	body := []byte("a frame of some bytes")
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	conns := []net.Conn{}
	for cut := 0; cut <= len(frame); cut++ {
		conn := s.dial("tcp", s.frames)
		// Before the half comes a whole one, in the same piece.
		if _, err := conn.Write(append(append([]byte(nil), frame...), frame[:cut]...)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	expect := func(cut int, times int) {
		t.Helper()
		got := make([]byte, times*len(frame))
		_ = conns[cut].SetReadDeadline(time.Now().Add(testkit.Patience))
		if _, err := io.ReadFull(conns[cut], got); err != nil || !bytes.Equal(got, bytes.Repeat(frame, times)) {
			t.Errorf("cut at %d: %q, %v", cut, got, err)
		}
	}
	for cut := range conns {
		expect(cut, 1)
	}
	for generation := 2; generation <= 3; generation++ {
		s.upgrade()
		s.up(generation)
	}
	for cut, conn := range conns {
		if _, err := conn.Write(append(append([]byte(nil), frame[cut:]...), frame...)); err != nil {
			t.Error(err)
		}
		expect(cut, 2)
	}
}

// What does not fit into the socket's buffer is sent by the next image, and by the one after it.
func TestFullSendBuffers(t *testing.T) {
	s := startConns(t, 0)
	const size = 12 << 20
	conns := []net.Conn{s.dial("tcp", s.tcp), s.dial("unix", s.unix)}
	for _, conn := range conns {
		if _, err := fmt.Fprintf(conn, "big %d\nline-1\n", size); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond) // it may as well come later: then it is read by the next image
	for generation := 2; generation <= 4; generation++ {
		s.upgrade()
		s.up(generation)
	}
	for i, conn := range conns {
		in := bufio.NewReaderSize(conn, 1<<20)
		var big string
		pushed := 0
		for {
			_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			var n int
			if k, _ := fmt.Sscanf(line, "push %d\n", &n); k == 1 && len(line) < 100 {
				if pushed++; n != pushed {
					t.Fatalf("push %d came where %d was due", n, pushed)
				}
			} else if big == "" {
				big = line
			} else {
				if !strings.HasPrefix(line, "line-1 2 ") {
					t.Errorf("%.60q", line)
				}
				break
			}
		}
		word, _, _ := strings.Cut(big, " ")
		if len(word) != size || strings.Trim(word, "x") != "" {
			t.Errorf("connection %d: %d bytes of %d", i, len(word), size)
		}
	}
}

// Peers that end, or reset, while the images change are found out by the next image.
func TestPeersThatVanishDuringTheChange(t *testing.T) {
	s := startConns(t, 0)
	stay, leave := s.peers(10, 0), s.peers(40, 0)
	tr := startTraffic(t, stay)
	s.upgrade()
	for i, p := range leave {
		if i%2 == 0 {
			_ = p.conn.(*net.TCPConn).SetLinger(0) // a reset
		}
		if i%3 == 0 {
			_ = p.send()
		}
		p.conn.Close()
		time.Sleep(10 * time.Millisecond)
	}
	s.up(2)
	tr.stop()
	s.alive(stay)
	eventually(t, "they are gone", func() bool { return s.status().Connections.Kept == len(stay) })
}

// With hardly a descriptor left the update is done, or refused; no connection is lost either way.
func TestHardlyADescriptorLeft(t *testing.T) {
	const limit = 64
	s := startConns(t, limit)
	peers := s.peers(20, 0)
	for { // until the service cannot accept any more
		if s.status().Descriptors.Open >= limit-2 {
			break
		}
		conn := s.dial("tcp", s.tcp)
		p := newPeer(conn)
		if err := p.send(); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
		if answer, err := p.receive(); err != nil {
			t.Fatalf("%t %v after %d", answer, err, len(peers))
		}
		for p.answered < p.sent {
			if _, err := p.receive(); err != nil {
				t.Fatal(err)
			}
		}
		peers = append(peers, p)
	}
	if len(peers) < 25 {
		t.Fatalf("only %d connections", len(peers))
	}
	s.refused("too many open files")
	s.alive(peers)
	for _, p := range peers[len(peers)-12:] { // room for a trial
		p.conn.Close()
	}
	peers = peers[:len(peers)-12]
	eventually(t, "they are gone", func() bool { return s.status().Connections.Kept == len(peers) })
	s.upgrade()
	s.up(2)
	s.alive(peers)
}

// Connections of TLS are served on until the update is certain, and then closed as TLS wants it.
func TestTLSIsClosedProperly(t *testing.T) {
	folder := t.TempDir()
	secure := certificate(t, folder)
	for _, next := range []string{"conns", "conns refuse"} {
		next := next
		t.Run(next, func(t *testing.T) {
			s := startConns(t, 0, "GOPROBE_TEST_TLS="+folder, "GOPROBE_TEST_NEXT="+next)
			peers := []*peer{}
			for i := 0; i < 10; i++ {
				conn, err := tls.Dial("tcp", s.tls, secure)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				peers = append(peers, newPeer(conn))
			}
			s.alive(peers)
			kept := s.peers(1, 0)
			if c := s.status().Connections; c.TLS != 10 || c.Kept != 1 || c.Rows[0].TLS != 10 {
				t.Errorf("%+v", c)
			}
			if next == "conns refuse" {
				s.refused("this talk cannot be")
				s.alive(peers)
				return
			}
			s.upgrade()
			s.up(2)
			s.alive(kept)
			for _, p := range peers {
				_ = p.conn.SetReadDeadline(time.Now().Add(testkit.Patience))
				if _, err := p.in.ReadByte(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("the end was %v, not a close_notify", err)
				}
			}
			if c := s.status().Connections; c.TLS != 0 || c.Last == nil || c.Last.Closed != 10 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// One connection's panic ends that connection.
func TestAPanicEndsOneConnection(t *testing.T) {
	s := startConns(t, 0)
	peers := s.peers(2, 0)
	if _, err := fmt.Fprintln(peers[0].conn, "panic"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, peers[0].conn); err != nil {
		t.Fatal(err)
	}
	s.alive(peers[1:])
}
