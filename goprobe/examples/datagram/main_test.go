//go:build linux

package main

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"hotgate/goprobe/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, main) }

// Datagrams that come at any moment of an update are answered, each once.
func TestNoDatagramIsLost(t *testing.T) {
	p := testkit.Start(t, "-listen", "127.0.0.1:0")
	conn, err := net.Dial("udp", p.Address(1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	quit, sent := make(chan struct{}), make(chan int)
	var mu sync.Mutex
	got := map[string]int{}
	go func() {
		data := make([]byte, 100)
		for {
			n, err := conn.Read(data)
			if err != nil {
				return
			}
			mu.Lock()
			got[string(data[:n])]++
			mu.Unlock()
		}
	}()
	go func() {
		n := 0
		for {
			select {
			case <-quit:
				sent <- n
				return
			case <-time.After(5 * time.Millisecond): // few enough for the kernel's buffer
				n++
				if _, err := fmt.Fprintf(conn, "%d", n); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for generation := 2; generation <= 3; generation++ {
		p.Update(generation)
	}
	close(quit)
	n := <-sent
	testkit.Eventually(t, "an answer to every datagram", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= n
	})
	mu.Lock()
	defer mu.Unlock()
	for i := 1; i <= n; i++ {
		if got[fmt.Sprintf("%d %d", i, i)] != 1 {
			t.Errorf("datagram %d of %d: answered %d times", i, n, got[fmt.Sprintf("%d %d", i, i)])
		}
	}
	if n < 100 {
		t.Errorf("only %d datagrams", n)
	}
}
