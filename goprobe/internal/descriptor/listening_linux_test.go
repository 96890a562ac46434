package descriptor

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

// listenTCP opens a listener that is closed with the test.
func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.(*net.TCPListener)
}

// Whoever opened it, every one shows, as often as it has descriptors.
func TestEveryListeningSocketIsListed(t *testing.T) {
	ours := listenTCP(t)
	spare, inode := -1, uint64(0)
	err := On(ours, func(fd uintptr) error {
		var info syscall.Stat_t
		err := syscall.Fstat(int(fd), &info)
		if err == nil {
			inode = info.Ino
			spare, err = Duplicate(fd)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(spare)
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
	if err := On(leaking, func(fd uintptr) error { return CloseOnExec(int(fd), false) }); err != nil {
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

	facts := Find()
	found := map[string]int{}
	for _, row := range facts.Listening {
		found[row.Address]++
		if row.Inheritable != (row.Address == leaking.Addr().String()) || row.Inode == 0 {
			t.Errorf("%+v", row)
		}
		if row.Address == ours.Addr().String() && row.Inode != inode {
			t.Errorf("%+v, and the listener has inode %d", row, inode)
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
