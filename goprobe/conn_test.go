package goprobe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/testkit"
)

// keeper is a probe with one kind of connections, in this process.
type keeper struct {
	t     *testing.T
	p     *Probe
	conns *Conns[talk]
	l     *Listener
}

func keep(t *testing.T, framing Framing, serve func(*Conn, *talk) error) *keeper {
	t.Helper()
	k := &keeper{t: t, p: start(t, quiet)}
	var err error
	if k.conns, err = RegisterConns(k.p, ConnKind[talk]{Name: "talks", Version: 1, Framing: framing, Serve: serve}); err != nil {
		t.Fatal(err)
	}
	if k.l, err = k.p.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := k.p.Ready(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = k.conns.Serve(k.l, nil) }()
	t.Cleanup(func() { k.p.CancelExec(); k.l.Close(); k.conns.Close() })
	return k
}

func (k *keeper) dial() net.Conn {
	k.t.Helper()
	conn, err := net.Dial("tcp", k.l.Addr().String())
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	return conn
}

func (k *keeper) freeze() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := k.p.PrepareExec(ctx); err != nil {
		k.t.Fatal(err)
	}
}

func expectLine(t *testing.T, in *bufio.Reader, want string) {
	t.Helper()
	if line, err := in.ReadString('\n'); err != nil || line != want+"\n" {
		t.Fatalf("%q, %v; want %q", line, err, want)
	}
}

func echo(c *Conn, s *talk) error {
	for {
		line, err := c.ReadMessage()
		if err != nil {
			return err
		}
		s.Lines++
		if _, err := fmt.Fprintf(c, "%d %s", s.Lines, line); err != nil {
			return err
		}
	}
}

// An update that is called off comes between two lines, whatever was read of the next.
func TestALoopStopsBetweenTwoMessages(t *testing.T) {
	for name, serve := range map[string]func(*Conn, *talk) error{
		"messages": echo,
		"the error is swallowed": func(c *Conn, s *talk) error {
			_ = echo(c, s)
			return nil
		},
		"a library closes what it cannot read": func(c *Conn, s *talk) error {
			defer c.Close()
			return fmt.Errorf("a library says: %w", echo(c, s))
		},
		"byte by byte": func(c *Conn, s *talk) error {
			line := []byte{}
			for {
				var one [1]byte
				if _, err := c.Read(one[:]); err != nil {
					if len(line) > 0 {
						return fmt.Errorf("in the middle of %q: %w", line, err)
					}
					return err
				}
				if line = append(line, one[0]); one[0] == '\n' {
					s.Lines++
					if _, err := fmt.Fprintf(c, "%d %s", s.Lines, line); err != nil {
						return err
					}
					line = line[:0]
				}
			}
		},
		"with a buffer": func(c *Conn, s *talk) error {
			for in := bufio.NewReader(c); ; {
				line, err := in.ReadString('\n')
				if err != nil {
					return err
				}
				s.Lines++
				if _, err := fmt.Fprintf(c, "%d %s", s.Lines, line); err != nil {
					return err
				}
			}
		},
	} {
		name, serve := name, serve
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keep(t, Lines(100), serve)
			conn := k.dial()
			in := bufio.NewReader(conn)
			for turn := 0; turn < 5; turn++ {
				fmt.Fprint(conn, "one\ntwo\nthr")
				expectLine(t, in, fmt.Sprintf("%d one", 3*turn+1))
				k.freeze()
				fmt.Fprint(conn, "ee\n")
				_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
				for n := 2; n <= 3; n++ { // an answer of before may still come; none after it
					line, err := in.ReadString('\n')
					if err == nil && n == 2 && line == fmt.Sprintf("%d two\n", 3*turn+2) {
						continue
					}
					if !timedOut(err) {
						t.Fatalf("%q, %v while an update is due", line, err)
					}
					break
				}
				_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
				k.p.CancelExec()
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						t.Fatal(err)
					}
					if line == fmt.Sprintf("%d three\n", 3*turn+3) {
						break
					}
					if line != fmt.Sprintf("%d two\n", 3*turn+2) {
						t.Fatalf("%q in turn %d", line, turn)
					}
				}
			}
		})
	}
}

// What others write while an update is due comes in order when it was called off, and what they write once it is certain waits.
func TestWritesWhileAnUpdateIsDue(t *testing.T) {
	var c *Conn
	ready := make(chan struct{}, 10)
	k := keep(t, Lines(100), func(own *Conn, s *talk) error {
		c = own
		ready <- struct{}{}
		return echo(own, s)
	})
	conn := k.dial()
	in := bufio.NewReader(conn)
	<-ready
	k.freeze()
	for i := 0; i < 3; i++ {
		if n, err := fmt.Fprintf(c, "written %d\n", i); err != nil || n != 10 {
			t.Fatal(n, err)
		}
	}
	if len(c.unsent) != 30 {
		t.Errorf("%q is kept", c.unsent)
	}
	file, handed, err := k.p.writeHandover(true)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if m := handed.manifest.Connections; len(m) != 1 || m[0].Records != 1 || len(handed.conns) != 1 {
		t.Fatalf("%+v", handed)
	}
	late := make(chan error, 1)
	go func() { _, err := fmt.Fprintf(c, "late\n"); late <- err }()
	select {
	case err := <-late:
		t.Fatalf("written after the end: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	k.p.CancelExec()
	<-ready
	if err := <-late; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"written 0", "written 1", "written 2", "late"} {
		expectLine(t, in, want)
	}
	fmt.Fprint(conn, "on\n")
	expectLine(t, in, "1 on")
}

func TestDeadlinesAreTheServices(t *testing.T) {
	timeouts := make(chan error, 100)
	k := keep(t, Lines(100), func(c *Conn, s *talk) error {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := c.ReadMessage()
		if errors.Is(err, ErrHandover) {
			return err
		}
		timeouts <- err
		_ = c.SetDeadline(time.Time{})
		return echo(c, s)
	})
	conn := k.dial()
	for i := 0; i < 3; i++ { // updates that are called off change nothing
		k.freeze()
		k.p.CancelExec()
	}
	if err := <-timeouts; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	fmt.Fprint(conn, "on\n")
	expectLine(t, bufio.NewReader(conn), "1 on")
	k.freeze()
	k.p.CancelExec()
	if err := <-timeouts; !errors.Is(err, os.ErrDeadlineExceeded) { // the loop began anew
		t.Error(err)
	}
}

// A loop that does not stop keeps the update from happening, and nothing else.
func TestALoopThatDoesNotStop(t *testing.T) {
	release := make(chan struct{})
	var stuck sync.WaitGroup
	stuck.Add(1)
	k := keep(t, Lines(100), func(c *Conn, s *talk) error {
		for {
			line, err := c.ReadMessage()
			if err != nil {
				return err
			}
			if string(line) == "stick\n" {
				stuck.Done()
				<-release
			}
			fmt.Fprintf(c, "%s", line)
		}
	})
	bad, good := k.dial(), k.dial()
	fmt.Fprint(bad, "stick\n")
	stuck.Wait()
	var refused *NotReadyError
	for patience := 200 * time.Millisecond; ; patience *= 2 { // a busy machine takes long to stop the good one, too
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := k.p.PrepareExec(ctx)
		cancel()
		if !errors.As(err, &refused) || !refused.Has(ReasonConnections) {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), `1 of the connections "talks" did not stop`) {
			break
		}
		if patience > testkit.Patience {
			t.Fatal(err)
		}
	}
	fmt.Fprint(good, "on\n")
	expectLine(t, bufio.NewReader(good), "on")
	close(release)
	fmt.Fprint(bad, "on\n")
	in := bufio.NewReader(bad)
	expectLine(t, in, "stick")
	expectLine(t, in, "on")
	k.freeze()
}

// A peer that takes nothing stops no update, and is no hindrance to the others when one is called off.
func TestAPeerThatTakesNothing(t *testing.T) {
	release := make(chan struct{})
	const size = 16 << 20
	var c *Conn
	begun := make(chan struct{}, 10)
	k := keep(t, Lines(100), func(own *Conn, s *talk) error {
		for {
			line, err := own.ReadMessage()
			if err != nil {
				return err
			}
			switch string(line) {
			case "stick\n":
				begun <- struct{}{}
				<-release
			case "big\n":
				c = own
				begun <- struct{}{}
				line = append(bytes.Repeat([]byte("x"), size), '\n')
			}
			if _, err := own.Write(line); err != nil {
				return err
			}
		}
	})
	bad, stuck, good := k.dial(), k.dial(), k.dial()
	fmt.Fprint(bad, "big\non\n")
	fmt.Fprint(stuck, "stick\n")
	<-begun
	<-begun
	refuse := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		if err := k.p.PrepareExec(ctx); err == nil {
			t.Error("not refused")
		}
		fmt.Fprint(good, "on\n")
		expectLine(t, bufio.NewReader(good), "on")
	}
	refuse()
	go func() { _, _ = c.Write([]byte("others\n")) }() // waits for the peer
	refuse()
	close(release)
	for turn := 0; turn < 3; turn++ {
		k.freeze()
		file, _, err := k.p.writeHandover(true)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		k.p.CancelExec()
	}
	// What another goroutine wrote came first or last, as it happened, and nothing came into the middle.
	in := bufio.NewReader(bad)
	got := ""
	for i := 0; i < 3; i++ {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if len(line) == size+1 && strings.Trim(line, "x") == "\n" {
			line = "big "
		}
		got += strings.TrimSuffix(line, "\n") + " "
	}
	if want := "big  on "; strings.ReplaceAll(got, "others ", "") != want {
		t.Errorf("%.80q", got)
	}
}

// A loop that waits for something else than messages sees that an update is due.
func TestALoopWithoutReads(t *testing.T) {
	k := keep(t, Stream(), func(c *Conn, s *talk) error {
		for {
			select {
			case <-c.Handover():
				return ErrHandover
			case <-time.After(time.Millisecond):
				s.Pushed++
				if _, err := fmt.Fprintf(c, "%d\n", s.Pushed); err != nil {
					return err
				}
			}
		}
	})
	in := bufio.NewReader(k.dial())
	for n := 1; n <= 100; n++ {
		expectLine(t, in, fmt.Sprint(n))
		if n%20 == 0 {
			k.freeze()
			k.p.CancelExec()
		}
	}
}

func TestALoopThatMakesUpAnUpdate(t *testing.T) {
	k := keep(t, Lines(100), func(c *Conn, s *talk) error { return ErrHandover })
	if _, err := io.Copy(io.Discard, k.dial()); err != nil {
		t.Error(err)
	}
	eventually(t, "it is closed", func() bool { return k.conns.Len() == 0 })
}

func TestBytesWithoutMessages(t *testing.T) {
	k := keep(t, Stream(), func(c *Conn, s *talk) error { _, err := io.Copy(c, struct{ io.Reader }{c}); return err })
	conn := k.dial()
	want := bytes.Repeat([]byte("0123456789"), 200_000)
	go func() {
		for at := 0; at < len(want); at += 10_000 {
			_, _ = conn.Write(want[at : at+10_000])
		}
	}()
	quit := make(chan struct{})
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		for {
			select {
			case <-quit:
				return
			default:
			}
			if k.p.PrepareExec(context.Background()) == nil {
				k.p.CancelExec()
			}
		}
	}()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("something else came, %v", err)
	}
	close(quit)
	all.Wait()
}

func TestMessagesThatAreTooLarge(t *testing.T) {
	failed := make(chan error, 1)
	k := keep(t, Lines(10), func(c *Conn, s *talk) error {
		err := echo(c, s)
		failed <- err
		return err
	})
	conn := k.dial()
	fmt.Fprint(conn, "123456789\n12345678901\n")
	in := bufio.NewReader(conn)
	expectLine(t, in, "1 123456789")
	if _, err := in.ReadByte(); err == nil {
		t.Error("it goes on")
	}
	if err := <-failed; !errors.Is(err, ErrMessageTooLarge) {
		t.Error(err)
	}
}

func TestAHalfMessageAtTheEnd(t *testing.T) {
	failed := make(chan error, 2)
	k := keep(t, Lines(10), func(c *Conn, s *talk) error {
		err := echo(c, s)
		failed <- err
		return err
	})
	for text, want := range map[string]error{"1\n2": io.ErrUnexpectedEOF, "1\n": io.EOF} {
		conn := k.dial()
		fmt.Fprint(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		if err := <-failed; err != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// last is a connection that gives its end together with its last bytes, as those of TLS do.
type last struct{ net.Conn }

func (l last) Read(data []byte) (int, error) {
	n, _ := l.Conn.Read(data)
	return n, io.EOF
}

func TestTheEndThatComesWithAMessage(t *testing.T) {
	k := keep(t, Lines(100), echo)
	for text, want := range map[string]string{"one\ntwo\n": "1 one\n2 two\n", "one\ntw": "1 one\n"} {
		a, b := net.Pipe()
		if err := k.conns.Keep(last{a}, nil, talk{}); err != nil {
			t.Fatal(err)
		}
		go fmt.Fprint(b, text)
		_ = b.SetDeadline(time.Now().Add(testkit.Patience))
		if got, err := io.ReadAll(b); string(got) != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// wrapped is a connection whose descriptor is not known to be all that there is to it.
type wrapped struct{ net.Conn }

func TestWhatCannotBeKeptIsCounted(t *testing.T) {
	k := keep(t, Lines(100), echo)
	a, b := net.Pipe()
	defer b.Close()
	if err := k.conns.Keep(a, []byte("left over\n"), talk{Lines: 6}); err != nil {
		t.Fatal(err)
	}
	_ = b.SetDeadline(time.Now().Add(testkit.Patience))
	in := bufio.NewReader(b)
	expectLine(t, in, "7 left over")
	eventually(t, "it is counted", func() bool { return k.p.connections().NotKept == 1 })
	go fmt.Fprint(b, "on\n")
	expectLine(t, in, "8 on")
	k.freeze()
	k.p.CancelExec()
	go fmt.Fprint(b, "on\n")
	expectLine(t, in, "9 on")
	other, err := net.Dial("tcp", k.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := k.conns.Keep(wrapped{other}, nil, talk{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are counted", func() bool { c := k.p.connections(); return c.NotKept == 2 && c.Kept == 1 })
}

func TestWhatKeepAndRegisterRefuse(t *testing.T) {
	p := start(t, quiet)
	good := ConnKind[talk]{Name: "talks", Version: 1, Framing: Lines(10), Serve: echo}
	for _, spoil := range []func(*ConnKind[talk]){
		func(k *ConnKind[talk]) { k.Name = "" },
		func(k *ConnKind[talk]) { k.Name = strings.Repeat("x", 300) },
		func(k *ConnKind[talk]) { k.Version = 0 },
		func(k *ConnKind[talk]) { k.Framing = Framing{} },
		func(k *ConnKind[talk]) { k.Framing = Lines(0) },
		func(k *ConnKind[talk]) { k.Serve = nil },
	} {
		kind := good
		spoil(&kind)
		var bad *StateError
		if _, err := RegisterConns(p, kind); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", kind, err)
		}
	}
	conns, err := RegisterConns(p, good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := RegisterConns(p, good); err == nil {
		t.Error("the name was given twice")
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := conns.Keep(a, nil, talk{}); err == nil {
		t.Error("kept before Ready")
	}
	if err := p.Ready(); err != nil {
		t.Fatal(err)
	}
	late := good
	late.Name = "late"
	if _, err := RegisterConns(p, late); err == nil {
		t.Error("registered after Ready")
	}
	if err := conns.Keep(nil, nil, talk{}); err == nil {
		t.Error("kept nothing")
	}
	if err := conns.Keep(&Conn{}, nil, talk{}); err == nil {
		t.Error("kept twice")
	}
	foreign := listenTCP(t)
	defer foreign.Close()
	if err := conns.Serve(foreign, nil); err == nil {
		t.Error("served a listener that is not handed over")
	}
	p.Stop()
	if err := conns.Keep(a, nil, talk{}); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

// Connections that come while an update is due are served when it was called off.
func TestConnectionsThatComeMeanwhile(t *testing.T) {
	k := keep(t, Lines(100), echo)
	k.freeze()
	conn := k.dial() // waits in the kernel's queue
	fmt.Fprint(conn, "one\n")
	path := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_ = client.SetDeadline(time.Now().Add(testkit.Patience))
	server, err := unix.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.conns.Keep(server, nil, talk{}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(client, "one\n")
	time.Sleep(20 * time.Millisecond)
	if k.conns.Len() != 1 {
		t.Errorf("%d connections", k.conns.Len())
	}
	k.p.CancelExec()
	for _, c := range []net.Conn{conn, client} {
		expectLine(t, bufio.NewReader(c), "1 one")
	}
	rows := k.p.connections().Rows
	if rows[0].Kept != 2 || len(rows[0].Addresses) != 2 {
		t.Errorf("%+v", rows)
	}
}

// A descriptor that is not the connection that was handed over is left alone.
func TestOnlyTheConnectionItselfIsTakenOver(t *testing.T) {
	p := start(t, quiet)
	conns, err := RegisterConns(p, ConnKind[talk]{Name: "talks", Version: 1, Framing: Lines(10), Serve: echo})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	listener := listenTCP(t)
	defer listener.Close()
	records := []handover.Connection{{FD: 1 << 20, Inode: 1}, {FD: 0}}
	for _, c := range []syscall.Conn{r, listener} {
		err := descriptor.On(c, func(fd uintptr) error {
			var info syscall.Stat_t
			err := syscall.Fstat(int(fd), &info)
			records = append(records, handover.Connection{FD: int(fd), Inode: info.Ino})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.from = &handover.Received{}
	p.conns.offered = []offeredConns{{
		handed: &handover.Connections{Records: len(records)}, records: records, kind: conns.kind,
		sessions: []any{&talk{}, &talk{}, &talk{}, &talk{}},
	}}
	p.conns.adopt(p)
	if last := p.connections().Last; last == nil || last.Handed != 4 || last.Restored != 0 || conns.Len() != 0 {
		t.Errorf("%+v", last)
	}
	if _, err := w.WriteString("x"); err != nil {
		t.Errorf("the pipe was closed: %v", err)
	}
	if err := listener.SetDeadline(time.Now()); err != nil {
		t.Errorf("the listener was closed: %v", err)
	}
}

func TestAddressesAreBounded(t *testing.T) {
	p := start(t, quiet)
	k := &connKind{name: "x", addresses: map[string]int{}}
	for i := 0; i < 30; i++ {
		k.addresses[fmt.Sprint("10.0.0.1:", i)] = i + 1
	}
	p.conns.kinds = append(p.conns.kinds, k)
	row := p.connections().Rows[0]
	if len(row.Addresses) != 16 || row.LeftOutAddresses != 14 || row.Addresses[0].Count != 30 {
		t.Errorf("%+v", row)
	}
}
