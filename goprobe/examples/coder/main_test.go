//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	coder "github.com/coder/websocket"

	"hotgate/goprobe/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, main) }

// Members talk over updates: with and without compression, in fragments that an update comes between, with pings.
func TestMembersStay(t *testing.T) {
	p := testkit.Start(t, "-listen", "127.0.0.1:0")
	url := "ws://" + p.Address(1) + "/chat?name="
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	modes := []coder.CompressionMode{coder.CompressionDisabled, coder.CompressionNoContextTakeover}
	clients := []*coder.Conn{}
	for i := 0; i < 12; i++ {
		ws, response, err := coder.Dial(ctx, url+fmt.Sprint("m", i), &coder.DialOptions{
			CompressionMode: modes[i%2], Subprotocols: []string{"chat"}, CompressionThreshold: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		if ws.Subprotocol() != "chat" || (i%2 == 1) != strings.Contains(response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
			t.Fatalf("%q %v", ws.Subprotocol(), response.Header)
		}
		ws.SetReadLimit(1 << 20)
		clients = append(clients, ws)
	}
	said := make([]int, len(clients))
	expect := func(i int, text []byte) {
		t.Helper()
		said[i]++
		want := append([]byte(fmt.Sprintf("m%d %d: ", i, said[i])), text...)
		if _, got, err := clients[i].Read(ctx); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("member %d: %.60q of %d bytes, %v", i, got, len(got), err)
		}
	}
	long := bytes.Repeat([]byte("a long text, "), 10_000)
	for generation := 2; generation <= 4; generation++ {
		writers := []io.WriteCloser{}
		for i, ws := range clients {
			if err := ws.Write(ctx, coder.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			expect(i, []byte("hello"))
			w, err := ws.Writer(ctx, coder.MessageBinary)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(long); err != nil { // the first fragments go out
				t.Fatal(err)
			}
			writers = append(writers, w)
		}
		p.Update(generation)
		for i, w := range writers {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			expect(i, long)
		}
	}
	go func() { _, _, _ = clients[1].Read(ctx) }() // a pong is found by a reader
	if err := clients[1].Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	if err := clients[0].Close(coder.StatusNormalClosure, ""); err != nil {
		t.Errorf("close: %v", err)
	}
	if response, err := http.Get(strings.Replace(url, "ws:", "http:", 1)); err != nil || response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a plain request: %v %v", response, err)
	}
}
