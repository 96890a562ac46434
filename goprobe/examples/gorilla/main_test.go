//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"hotgate/goprobe/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, main) }

// Members talk over updates: with and without compression, in fragments that an update comes between, with pings.
func TestMembersStay(t *testing.T) {
	p := testkit.Start(t, "-listen", "127.0.0.1:0")
	url := "ws://" + p.Address(1) + "/chat?name="
	clients := []*gorilla.Conn{}
	pongs := make(chan string, 100)
	for i := 0; i < 12; i++ {
		dialer := gorilla.Dialer{EnableCompression: i%2 == 0, Subprotocols: []string{"chat"}, HandshakeTimeout: testkit.Patience}
		ws, response, err := dialer.Dial(url+fmt.Sprint("m", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		if ws.Subprotocol() != "chat" || (i%2 == 0) != strings.Contains(response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
			t.Fatalf("%q %v", ws.Subprotocol(), response.Header)
		}
		ws.SetPongHandler(func(text string) error { pongs <- text; return nil })
		_ = ws.SetReadDeadline(time.Now().Add(testkit.Patience))
		clients = append(clients, ws)
	}
	said := make([]int, len(clients))
	expect := func(i int, text []byte) {
		t.Helper()
		said[i]++
		want := append([]byte(fmt.Sprintf("m%d %d: ", i, said[i])), text...)
		if _, got, err := clients[i].ReadMessage(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("member %d: %.60q of %d bytes, %v", i, got, len(got), err)
		}
	}
	long := bytes.Repeat([]byte("a long text, "), 10_000)
	for generation := 2; generation <= 4; generation++ {
		for i, ws := range clients {
			if err := ws.WriteMessage(gorilla.TextMessage, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			expect(i, []byte("hello"))
			w, err := ws.NextWriter(gorilla.BinaryMessage)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(long); err != nil { // the first fragments go out
				t.Fatal(err)
			}
			if err := ws.WriteControl(gorilla.PingMessage, []byte("ping"), time.Now().Add(testkit.Patience)); err != nil {
				t.Fatal(err)
			}
			writers = append(writers, w)
		}
		p.Update(generation)
		for i := range clients {
			if err := writers[i].Close(); err != nil {
				t.Fatal(err)
			}
			expect(i, long)
		}
		writers = writers[:0]
	}
	for range clients {
		select {
		case text := <-pongs:
			if text != "ping" {
				t.Errorf("%q", text)
			}
		default:
			t.Fatal("a ping was not answered")
		}
	}
	closing := gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, "")
	if err := clients[0].WriteControl(gorilla.CloseMessage, closing, time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := clients[0].ReadMessage(); !gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
		t.Errorf("the close was answered by %v", err)
	}
	if response, err := http.Get(strings.Replace(url, "ws:", "http:", 1)); err != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("a plain request: %v %v", response, err)
	}
}

var writers []interface{ Close() error }
