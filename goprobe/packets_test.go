package goprobe

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"hotgate/goprobe/internal/testkit"
)

// Datagrams that come while an update is due are read when it was called off.
func TestDatagramsWait(t *testing.T) {
	p := start(t, quiet)
	socket, err := p.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.ListenPacket("udp", "127.0.0.1:0"); err == nil {
		t.Error("the name was given twice")
	}
	if _, err := p.ListenPacket("tcp", "127.0.0.1:0"); err == nil {
		t.Error("a network without datagrams")
	}
	if err := p.Ready(); err != nil {
		t.Fatal(err)
	}
	hold, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- socket.Serve(func(data []byte, from net.Addr) {
			if string(data) == "hold" {
				<-hold
			}
			_, _ = socket.WriteTo(data, from)
		})
	}()
	conn, err := net.Dial("udp", socket.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	say := func(text string) {
		t.Helper()
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(want string) {
		t.Helper()
		data := make([]byte, 100)
		if n, err := conn.Read(data); err != nil || string(data[:n]) != want {
			t.Fatalf("%q, %v; want %q", data[:n], err, want)
		}
	}
	say("hold")
	eventually(t, "it is under way", func() bool { return len(p.obstacles()) == 1 })
	refusedFor(t, p, ReasonInFlight)
	close(hold)
	hear("hold")
	eventually(t, "it is done", func() bool { return len(p.obstacles()) == 0 })
	for turn := 0; turn < 3; turn++ {
		if err := p.PrepareExec(context.Background()); err != nil {
			t.Fatal(err)
		}
		say("one")
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 10)); !timedOut(err) {
			t.Fatalf("%d, %v", n, err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
		p.CancelExec()
		hear("one")
	}
	if rows := p.connections().Packets; len(rows) != 1 || rows[0].Inode == 0 || !rows[0].Handover || rows[0].Network != "udp" {
		t.Errorf("%+v", rows)
	}
	socket.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if len(p.packets.handed()) != 0 {
		t.Error("a closed socket would be handed over")
	}
}
