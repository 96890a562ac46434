//go:build linux

package goprobe

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestThreeUpgradesUnderLoadLoseNothing(t *testing.T) {
	s := startService(t)
	epochs := map[string]bool{s.status().Image.Epoch: true}
	leaks := s.status().Descriptors.Inheritable // what this process was given by its parents
	pid := s.command.Process.Pid
	l := s.load(12)
	previous := s.status().Image.Epoch
	for generation := 2; generation <= 4; generation++ {
		time.Sleep(300 * time.Millisecond)
		s.upgrade()
		if address := s.ready(generation); address != s.address {
			t.Fatalf("listens on %s, not on %s", address, s.address)
		}
		image := s.status().Image
		if !image.Planned || image.Generation != generation || image.PreviousEpoch != previous || image.PID != pid {
			t.Fatalf("generation %d: %+v", generation, image)
		}
		if image.HandoverMonotonicNS == 0 || image.HandoverMonotonicNS > image.StartedMonotonicNS {
			t.Errorf("times of the hand-over: %+v", image)
		}
		if epochs[image.Epoch] {
			t.Error("an epoch came twice")
		}
		previous, epochs[image.Epoch] = image.Epoch, true
	}
	time.Sleep(300 * time.Millisecond)
	sent, failed := l.stop()
	if failed != 0 || sent < 200 {
		t.Fatalf("%d of %d requests failed", failed, sent)
	}
	if err := s.order(http.DefaultClient); err != nil {
		t.Fatal(err)
	}
	status := s.status()
	restored := status.State.Rows[0].Restored
	if restored == nil || restored.Version != 1 || len(restored.Digest) != 64 || restored.Bytes == 0 {
		t.Errorf("restored: %+v", restored)
	}
	if row := status.Listeners.Rows[0]; !row.Inherited || !row.Handover || row.Name != "http" || row.Inode == 0 {
		t.Errorf("listener: %+v", row)
	}
	if !reflect.DeepEqual(status.Descriptors.Inheritable, leaks) {
		t.Errorf("descriptors leak: %+v", status.Descriptors)
	}
	var beat Heartbeat
	get(t, s.url("/debug/hotgate/heartbeat"), 200, &beat)
	if beat.Generation != 4 || beat.NextSeq < 4 {
		t.Errorf("numbers do not go on: %+v", beat)
	}
	if n := orders(t, s); n != sent+2 {
		t.Errorf("%d orders are counted, %d were taken", n, sent+2)
	}
}

func orders(t *testing.T, s *service) int64 {
	t.Helper()
	var n int64
	response := fetch(t, s.url("/orders"))
	if _, err := fmt.Sscan(response, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARequestUnderWayIsAnsweredByTheOldImage(t *testing.T) {
	skipShort(t)
	s := startService(t)
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			if got := strings.TrimSpace(fetch(t, s.url("/slow"))); got != "1" {
				t.Errorf("answered by generation %q", got)
			}
		}()
	}
	time.Sleep(200 * time.Millisecond)
	s.upgrade()
	all.Wait()
	s.ready(2)
}

// Whatever is wrong with the new image, the old one serves on, keeps its state, and can be upgraded later.
func TestABadImageLeavesTheOldOneServing(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cases := []struct {
		name, next, path, says, code string
		slow                         bool
	}{
		{"crash", "crash", "", "this image cannot start", ReasonTrial, false},
		{"hang", "hang", "", "did not get ready within 5s and was killed", ReasonTrial, true},
		{"bad state", "bad state", "", "these orders cannot be", ReasonTrial, false},
		{"never ready", "never ready", "", "did not get ready", ReasonTrial, true},
		{"missing", "", filepath.Join(folder, "missing"), "no such file", "", false},
		{"no program", "", write("text", "no program\n", 0o755), "exec format error", ReasonTrial, false},
		{"not executable", "", write("plain", "\x7fELF", 0o644), "permission denied", "", false},
		{"folder", "", folder, "not a file", "", false},
	}
	for _, c := range cases {
		c := c
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.slow {
				skipShort(t)
			}
			s := startService(t, "GOPROBE_TEST_NEXT="+c.next, "GOPROBE_TEST_PATH="+c.path)
			if err := s.order(http.DefaultClient); err != nil {
				t.Fatal(err)
			}
			before := s.status()
			l := s.load(4)
			time.Sleep(100 * time.Millisecond)
			s.upgrade()
			if said := s.line("upgrade:"); !strings.Contains(said, c.says) {
				t.Errorf("said %q, want %q in it", said, c.says)
			}
			if sent, failed := l.stop(); failed != 0 || sent == 0 {
				t.Errorf("%d of %d requests failed", failed, sent)
			}
			status := s.status()
			if status.Image != before.Image || status.Update.State != stateFailed {
				t.Errorf("%+v", status)
			}
			if c.code != "" && (len(status.Update.Refused) != 1 || status.Update.Refused[0].Code != c.code) {
				t.Errorf("refused: %+v", status.Update.Refused)
			}
			if !reflect.DeepEqual(status.Descriptors.Inheritable, before.Descriptors.Inheritable) {
				t.Errorf("descriptors leak: %+v", status.Descriptors)
			}
		})
	}
}

// A running profile would kill about one new image in ten to a hundred; with PrepareExec none dies.
func TestNoImageDiesOfItsPredecessorsProfile(t *testing.T) {
	skipShort(t)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, command: exec.Command(own), lines: make(chan string, 100)}
	s.command.Env = append(os.Environ(), serviceVariable+"=relay")
	s.begin()
	if got := s.line("done"); got != fmt.Sprint(relayLength) {
		t.Errorf("ended at %s", got)
	}
}

// A UDP socket of the service manager's is not ours: whoever wants it finds the variables and the descriptors in place.
func TestSocketActivationLeavesOthersTheirSockets(t *testing.T) {
	listener := listenTCP(t)
	defer listener.Close()
	stream, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	packets, err := udp.File()
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files []*os.File
		says  string
	}{
		{[]*os.File{stream, packets}, "2 " + listener.Addr().String() + " " + udp.LocalAddr().String()},
		{[]*os.File{stream}, `"" ` + listener.Addr().String()},
	} {
		s := &service{t: t, command: exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, own), lines: make(chan string, 100)}
		s.command.ExtraFiles = c.files
		s.command.Env = append(os.Environ(), serviceVariable+"=activated", fmt.Sprintf("LISTEN_FDS=%d", len(c.files)))
		s.begin()
		if got := s.line("activated"); got != c.says {
			t.Errorf("%q, want %q", got, c.says)
		}
	}
}

func TestSocketActivation(t *testing.T) {
	listener := listenTCP(t)
	defer listener.Close()
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, command: exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, own), lines: make(chan string, 100)}
	s.command.ExtraFiles = []*os.File{file}
	s.command.Env = append(os.Environ(), serviceVariable+"=none", "GOPROBE_TEST_LISTEN=127.0.0.1:0", "LISTEN_FDS=1",
		"LISTEN_FDNAMES=http")
	s.begin()
	s.address = s.ready(1)
	if s.address != listener.Addr().String() {
		t.Fatalf("listens on %s, not on %s", s.address, listener.Addr())
	}
	s.upgrade()
	if address := s.ready(2); address != s.address {
		t.Fatalf("listens on %s, not on %s", address, s.address)
	}
	if err := s.order(http.DefaultClient); err != nil {
		t.Fatal(err)
	}
}
