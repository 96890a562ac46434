package websocket

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// library answers like one that writes on the connection, with these headers.
func library(headers string, take func(net.Conn)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Upgrade") != "websocket" {
			http.Error(w, "no", http.StatusBadRequest)
			return errors.New("no upgrade")
		}
		conn, both, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return err
		}
		if both.Reader.Buffered() > 0 {
			return errors.New("the client speaks too early")
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%s\r\n", headers); err != nil {
			return err
		}
		if take != nil {
			take(conn)
			return nil
		}
		return conn.Close() // has no effect on what Upgrade gives
	}
}

func ask(t *testing.T, url string, upgrade bool) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", url[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	header := ""
	if upgrade {
		header = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	}
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\nearly", header); err != nil {
		t.Fatal(err)
	}
	return conn
}

const fresh = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"

func TestTheConnectionIsTakenOffTheLibrary(t *testing.T) {
	type taken struct {
		conn   net.Conn
		unread []byte
		agreed Handshake
		err    error
	}
	results := make(chan taken, 1)
	headers := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got taken
		got.conn, got.unread, got.agreed, got.err = Upgrade(w, r, library(headers, nil))
		results <- got
	}))
	defer server.Close()

	headers = "Sec-WebSocket-Protocol: chat\r\n" + fresh
	client := ask(t, server.URL, true)
	got := <-results
	want := Handshake{"chat", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"}
	if got.err != nil || got.agreed != want || string(got.unread) != "early" {
		t.Fatalf("%+v", got)
	}
	fmt.Fprintln(got.conn, "on")
	in := bufio.NewReader(client)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != 101 {
		t.Fatal(response, err)
	}
	if line, err := in.ReadString('\n'); line != "on\n" {
		t.Errorf("%q, %v", line, err)
	}
	got.conn.Close()

	// The handshake without a client: what it says goes nowhere, and what comes after it goes through.
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	var own net.Conn
	if err := Open(near, want, library(headers, func(conn net.Conn) { own = conn })); err != nil {
		t.Fatal(err)
	}
	go fmt.Fprintln(own, "on")
	_ = far.SetDeadline(time.Now().Add(time.Minute))
	if line, err := bufio.NewReader(far).ReadString('\n'); line != "on\n" {
		t.Errorf("%q, %v", line, err)
	}
	keep := func(net.Conn) {}
	if err := Open(near, want, library("", keep)); err == nil {
		t.Error("the library agreed on something else")
	}
	if err := Open(near, want, func(http.ResponseWriter, *http.Request) error { return nil }); err == nil {
		t.Error("the library took nothing")
	}

	for _, extension := range []string{"permessage-deflate", "permessage-deflate; server_no_context_takeover"} {
		headers = "Sec-WebSocket-Extensions: " + extension + "\r\n"
		client = ask(t, server.URL, true)
		if got := <-results; !errors.Is(got.err, ErrContextTakeover) || got.conn != nil {
			t.Errorf("%+v", got)
		}
		if _, err := io.Copy(io.Discard, client); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Logf("closed by %v", err)
		}
	}
	ask(t, server.URL, false)
	if got := <-results; got.err == nil || got.conn != nil {
		t.Errorf("%+v", got)
	}
}
