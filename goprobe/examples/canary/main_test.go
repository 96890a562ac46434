//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"hotgate/goprobe/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, main) }

// Until the next image takes over, the addresses at it are answered by it, and those at the old one by that.
func TestTheNextImageServesAShareAndThenAll(t *testing.T) {
	p := testkit.Start(t, "-listen", "127.0.0.1:0", "-share", "0.5", "-for", "4s", "-requests", "5")
	address := p.Address(1)
	for i := 0; i < 120; i++ { // that tell what is slow
		if said := ask(t, address, 1); said != 1 {
			t.Fatalf("answered by generation %d", said)
		}
	}
	p.Signal()
	p.Line("generation 2 beside on ")
	testkit.Eventually(t, "the canary", func() bool {
		return strings.Contains(get(t, address, 1, "/debug/hotgate/status"), `"canary":{"state":"running"`)
	})
	done := make(chan struct{})
	go func() { p.Address(2); close(done) }()
	answered, sides := map[int]int{}, map[int]int{}
	for over, i := false, 0; !over; i++ {
		client := i % 100
		generation := ask(t, address, client)
		answered[generation]++
		select {
		case <-done:
			over = true
		default:
			// An address that NEW served comes back to the old image when NEW has drained, and not the other way round.
			if before := sides[client]; before == 1 && generation == 2 && i < 300 {
				t.Errorf("client %d went from generation %d to %d", client, before, generation)
			}
			sides[client] = generation
		}
	}
	if answered[1] == 0 || answered[2] == 0 {
		t.Errorf("answered by generation: %v", answered)
	}
	if said := ask(t, address, 1); said != 2 {
		t.Errorf("answered by generation %d", said)
	}
}

// ask asks from an address of the client's own, and gives the generation that answered.
func ask(t *testing.T, address string, client int) int {
	t.Helper()
	generation, body := 0, get(t, address, client, "/")
	if _, err := fmt.Sscanf(body, "hello from generation %d", &generation); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return generation
}

func get(t *testing.T, address string, client int, path string) string {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(client))}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport, Timeout: testkit.Patience}).Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
