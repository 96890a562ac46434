//go:build linux

package goprobe

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

// A listener that the probe was not told of shows all the same.
func TestEveryListeningSocketIsListed(t *testing.T) {
	p := start(t, quiet)
	ours, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	want := map[string]int{ours.Addr().String(): 2}
	path := filepath.Join(t.TempDir(), "s")
	for _, c := range [][2]string{{"tcp", ":0"}, {"tcp4", "127.0.0.1:0"}, {"unix", path}, {"unix", "@goprobe-test"}} {
		l, err := net.Listen(c[0], c[1])
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		want[l.Addr().String()] = 1
	}
	leaking := listenTCP(t)
	defer leaking.Close()
	if err := onDescriptor(leaking, func(fd uintptr) error { return closeOnExec(int(fd), false) }); err != nil {
		t.Fatal(err)
	}
	want[leaking.Addr().String()] = 1
	// None of these listens.
	conn, err := net.Dial("tcp", leaking.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	packets, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	bound, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(bound)
	if err := syscall.Bind(bound, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	for address := range map[string]bool{conn.LocalAddr().String(): true, packets.LocalAddr().String(): true, boundTo(bound): true} {
		want[address] = 0
	}

	facts := descriptorFacts()
	found := map[string]int{}
	for _, row := range facts.Listening {
		found[row.Address]++
		if row.Inheritable != (row.Address == leaking.Addr().String()) || row.Inode == 0 {
			t.Errorf("%+v", row)
		}
		if row.Address == ours.Addr().String() && row.Inode != ours.inode {
			t.Errorf("%+v, and the listener has inode %d", row, ours.inode)
		}
	}
	for address, count := range want {
		if found[address] != count {
			t.Errorf("%s is listed %d times, not %d: %+v", address, found[address], count, facts.Listening)
		}
	}
	if facts.LeftOutListening != 0 {
		t.Errorf("%d left out", facts.LeftOutListening)
	}
}
