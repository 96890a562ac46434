//go:build linux

package main

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"hotgate/goprobe/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, main) }

func TestAFrameInTwoPiecesSurvivesUpdates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	p := testkit.Start(t, "-listen", path)
	p.Address(1)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	frame := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, 8), 7)
	for turn := uint64(1); turn <= 3; turn++ {
		if _, err := conn.Write(frame[:5]); err != nil {
			t.Fatal(err)
		}
		p.Update(int(turn) + 1)
		if _, err := conn.Write(frame[5:]); err != nil {
			t.Fatal(err)
		}
		var answer [12]byte
		if _, err := io.ReadFull(conn, answer[:]); err != nil || binary.BigEndian.Uint64(answer[4:]) != 7*turn {
			t.Fatalf("%v, %v", answer, err)
		}
	}
}
