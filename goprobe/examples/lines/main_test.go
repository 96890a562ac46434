//go:build linux

package main

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"hotgate/goprobe/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, main) }

func TestAConnectionSurvivesUpdates(t *testing.T) {
	p := testkit.Start(t, "-listen", "127.0.0.1:0")
	conn, err := net.Dial("tcp", p.Address(1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	in := bufio.NewReader(conn)
	for generation := 1; generation <= 3; generation++ {
		if _, err := fmt.Fprint(conn, "a line\nhalf "); err != nil {
			t.Fatal(err)
		}
		if answer, err := in.ReadString('\n'); err != nil || answer != fmt.Sprintf("%d a line\n", 2*generation-1) {
			t.Fatalf("%q, %v", answer, err)
		}
		p.Update(generation + 1)
		if _, err := fmt.Fprint(conn, "a line\n"); err != nil {
			t.Fatal(err)
		}
		if answer, err := in.ReadString('\n'); err != nil || answer != fmt.Sprintf("%d half a line\n", 2*generation) {
			t.Fatalf("%q, %v", answer, err)
		}
	}
}
