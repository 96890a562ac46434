// Package websocket lets goprobe keep WebSockets whose frames a library reads and writes.
//
// A library makes its connection in a handshake. Upgrade lets it do so with the client, and takes the connection off it
// again; Open repeats the handshake between the library and nobody whenever the connection's loop begins, so that the
// library works on a *goprobe.Conn. It does for libraries that take the connection with http.Hijacker, such as
// github.com/gorilla/websocket and github.com/coder/websocket; goprobe/examples has a program for each.
//
// What a library remembers between two messages is lost with its connection: the loop sets limits, handlers and deadlines
// each time. Control frames and messages in fragments are kept whole by goprobe.WebSocket. Compression is kept when it
// starts anew with each message (no_context_takeover on both sides); Upgrade refuses what needs the messages before.
package websocket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Handshake is what the two sides agreed on. It belongs into the session.
type Handshake struct {
	Protocol   string `json:"protocol,omitempty"`   // the subprotocol
	Extensions string `json:"extensions,omitempty"` // as in the answer's Sec-WebSocket-Extensions
}

// ErrContextTakeover is returned for a compression whose state would be lost.
var ErrContextTakeover = errors.New("websocket: the compression goes on from message to message, and cannot be kept: " +
	"configure it without context takeover")

// Upgrade calls upgrade, which lets the library do its handshake with the client and may close what that gives. What the
// client sent after it comes in unread. On success conn is the caller's, to be given to goprobe; otherwise the library has
// answered, or the connection is closed.
func Upgrade(w http.ResponseWriter, r *http.Request, upgrade func(http.ResponseWriter, *http.Request) error) (
	conn net.Conn, unread []byte, agreed Handshake, err error,
) {
	t := &taker{ResponseWriter: w}
	err = upgrade(t, r)
	if t.conn == nil {
		if err == nil {
			err = errors.New("websocket: the handshake took no connection")
		}
		return nil, nil, agreed, err
	}
	if err == nil {
		agreed, err = t.agreed()
	}
	if err != nil {
		_ = t.conn.Close()
		return nil, nil, agreed, err
	}
	_ = t.conn.SetDeadline(time.Time{}) // net/http's
	return t.conn, t.unread, agreed, nil
}

// taker gives the library a connection that it cannot close, and listens to what it says.
type taker struct {
	http.ResponseWriter
	conn   net.Conn
	unread []byte
	said   *shield
	header http.Header
}

func (t *taker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, both, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	waiting, err := both.Reader.Peek(both.Reader.Buffered())
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	t.conn, t.unread, t.header = conn, append([]byte(nil), waiting...), t.Header().Clone()
	t.said = &shield{Conn: conn}
	return t.said, around(t.said), nil
}

// agreed reads the answer: from what was written on the connection, or from the header that net/http sent.
func (t *taker) agreed() (Handshake, error) {
	header := t.header
	if said := t.said.first(); len(said) > 0 {
		answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(said)), nil)
		if err != nil {
			return Handshake{}, fmt.Errorf("websocket: the library's answer: %w", err)
		}
		_ = answer.Body.Close()
		header = answer.Header
	}
	h := Handshake{Protocol: header.Get("Sec-WebSocket-Protocol"), Extensions: strings.Join(header["Sec-Websocket-Extensions"], ", ")}
	if extensions := strings.ToLower(h.Extensions); extensions != "" && (!strings.Contains(extensions, "server_no_context_takeover") ||
		!strings.Contains(extensions, "client_no_context_takeover")) {
		return h, ErrContextTakeover
	}
	return h, nil
}

const maxAnswer = 16 << 10

// shield is a connection that does not close, and remembers what was first written on it.
type shield struct {
	net.Conn
	mu   sync.Mutex
	said []byte
}

func (s *shield) Write(data []byte) (int, error) {
	s.mu.Lock()
	if room := maxAnswer - len(s.said); room > 0 {
		s.said = append(s.said, data[:min(room, len(data))]...)
	}
	s.mu.Unlock()
	return s.Conn.Write(data)
}

func (s *shield) Close() error { return nil }

func (s *shield) first() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said
}

func around(conn net.Conn) *bufio.ReadWriter {
	return bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
}

// Open makes the library's connection over conn, a *goprobe.Conn whose framing is goprobe.WebSocket, as it was agreed. The
// function upgrade lets the library do its handshake once more, with a request that has no origin, cookies or path.
func Open(conn net.Conn, agreed Handshake, upgrade func(http.ResponseWriter, *http.Request) error) error {
	header := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"aG90Z2F0ZSBnb3Byb2JlIQ=="},
	}
	if agreed.Protocol != "" {
		header.Set("Sec-WebSocket-Protocol", agreed.Protocol)
	}
	if agreed.Extensions != "" {
		header.Set("Sec-WebSocket-Extensions", agreed.Extensions)
	}
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Host: "localhost", Body: http.NoBody, RequestURI: "/",
	}
	if address := conn.RemoteAddr(); address != nil {
		r.RemoteAddr = address.String()
	}
	n := &nobody{header: http.Header{}, conn: &mute{Conn: conn}}
	if err := upgrade(n, r); err != nil {
		if n.status >= 300 {
			return fmt.Errorf("websocket: the handshake was refused with status %d: %w", n.status, err)
		}
		return err
	}
	n.conn.mu.Lock()
	said := n.conn.said
	n.conn.said, n.conn.open = nil, true
	n.conn.mu.Unlock()
	if !n.taken {
		return errors.New("websocket: the handshake took no connection")
	}
	header = n.header
	if len(said) > 0 {
		answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(said)), nil)
		if err != nil {
			return fmt.Errorf("websocket: the library's answer: %w", err)
		}
		_ = answer.Body.Close()
		header = answer.Header
	}
	now := Handshake{Protocol: header.Get("Sec-WebSocket-Protocol"), Extensions: strings.Join(header["Sec-Websocket-Extensions"], ", ")}
	if now != agreed {
		return fmt.Errorf("websocket: %+v was agreed on, and the library is set up for %+v", agreed, now)
	}
	return nil
}

// nobody is who the library shakes hands with.
type nobody struct {
	header http.Header
	conn   *mute
	status int
	taken  bool
}

func (n *nobody) Header() http.Header            { return n.header }
func (n *nobody) WriteHeader(status int)         { n.status = status }
func (n *nobody) Write(data []byte) (int, error) { return len(data), nil }
func (n *nobody) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	n.taken = true
	return n.conn, around(n.conn), nil
}

// mute is a connection on which nothing is said until it is open.
type mute struct {
	net.Conn
	mu   sync.Mutex
	open bool
	said []byte
}

func (m *mute) Write(data []byte) (int, error) {
	m.mu.Lock()
	open := m.open
	if !open {
		m.said = append(m.said, data...)
	}
	m.mu.Unlock()
	if !open {
		return len(data), nil
	}
	return m.Conn.Write(data)
}
