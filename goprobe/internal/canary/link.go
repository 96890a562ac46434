package canary

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Protocol is the version of what is said on a link.
const Protocol = 1

// Kinds of messages: what the old image says, and what NEW does.
const (
	KindConn  = 1 // a connection; the number counts them, the text is the listener's name
	KindDrain = 2 // end; the text is a DrainOrder

	KindReady     = 16 // NEW serves; the text is a Hello
	KindTaken     = 17 // the service has accepted connection N, and has read nothing of it yet
	KindRefused   = 18 // NEW has no use for connection N
	KindReport    = 19 // the text is a Report
	KindEndpoints = 20 // a connection on which NEW asks the old image's endpoints
	KindDrained   = 21 // the text is the last Report
	KindKept      = 22 // a sealed memory file with the kept connections that are given back
	KindKeptConn  = 23 // one of them, in the file's order; the number counts them from 1
)

// Hello is what NEW says when it is ready.
type Hello struct {
	Protocol   int      `json:"protocol"`
	Digest     string   `json:"digest"` // of what was handed to it
	Epoch      string   `json:"epoch"`
	GoBuildID  string   `json:"go_build_id"`
	GNUBuildID string   `json:"gnu_build_id"`
	Listeners  []string `json:"listeners"` // by the old image's names
	Kinds      []Kind   `json:"kinds"`     // of connections that it keeps
	Error      string   `json:"error"`     // why it cannot serve
}

// Kind is a kind of kept connections, as NEW would give their sessions back.
type Kind struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	Codec   string `json:"codec"`
}

// Report is what NEW says several times a second.
type Report struct {
	Counts Counts `json:"counts"`
	Open   int    `json:"open"`  // connections that its probe knows of
	Taken  int64  `json:"taken"` // connections that its service had accepted then
	Cut    int    `json:"cut"`   // at the end: connections that could not be ended in order
}

// DrainOrder has the times of a drain, in nanoseconds.
type DrainOrder struct {
	Announce time.Duration `json:"announce"`
	Linger   time.Duration `json:"linger"`
	Timeout  time.Duration `json:"timeout"`
	Graceful time.Duration `json:"graceful"`
}

// A message is a header, the text, and perhaps a descriptor:
//
//	0   2  magic
//	2   1  kind
//	3   1  0
//	4   4  size of the text, little-endian
//	8   8  number of a connection, little-endian
const (
	linkMagic  = "HC"
	linkHeader = 16
	maxText    = 256 << 10
	// sendPatience bounds a write: what is written is small, and the other side reads all the time.
	sendPatience = time.Second
)

// Message is one of a link's. File is nil unless a descriptor came with it; it is the receiver's to close.
type Message struct {
	Kind   byte
	Number uint64
	Text   []byte
	File   *os.File
}

// Link is one end of a stream of messages between the two images: a unix socket without a name.
type Link struct {
	conn *net.UnixConn
	mu   sync.Mutex // of writes
}

// Pair makes a link: this end, and the other as a file to be inherited.
func Pair() (*Link, *os.File, error) {
	conn, file, err := SocketPair()
	if err != nil {
		return nil, nil, err
	}
	return &Link{conn: conn}, file, nil
}

// SocketPair makes two unix sockets that are connected to each other.
func SocketPair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	own, other := os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link")
	conn, err := toUnix(own)
	if err != nil {
		_ = other.Close()
		return nil, nil, err
	}
	return conn, other, nil
}

// Open makes a link of the end that was inherited; the file is closed.
func Open(file *os.File) (*Link, error) {
	conn, err := toUnix(file)
	if err != nil {
		return nil, err
	}
	return &Link{conn: conn}, nil
}

// toUnix makes a connection of a file, which is closed.
func toUnix(file *os.File) (*net.UnixConn, error) {
	defer file.Close() // FileConn works on a duplicate
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		return nil, errors.New("the link is no unix socket")
	}
	return unix, nil
}

// Close ends the link.
func (l *Link) Close() error { return l.conn.Close() }

// Say sends a message with a value as its text.
func (l *Link) Say(kind byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return l.Send(kind, 0, text, -1)
}

// Send sends a message, with a descriptor unless that is -1. The descriptor stays the sender's.
func (l *Link) Send(kind byte, number uint64, text []byte, fd int) error {
	if len(text) > maxText {
		return fmt.Errorf("a message of %d bytes is too long", len(text))
	}
	data := make([]byte, linkHeader+len(text))
	copy(data, linkMagic)
	data[2] = kind
	binary.LittleEndian.PutUint32(data[4:], uint32(len(text)))
	binary.LittleEndian.PutUint64(data[8:], number)
	copy(data[linkHeader:], text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(sendPatience)); err != nil {
		return err
	}
	sent := 0
	if fd >= 0 {
		n, _, err := l.conn.WriteMsgUnix(data, syscall.UnixRights(fd), nil)
		if err != nil {
			return l.broken(err)
		}
		sent = n
	}
	if sent < len(data) {
		if _, err := l.conn.Write(data[sent:]); err != nil {
			return l.broken(err)
		}
	}
	return nil
}

// broken ends the link: after a part of a message nothing can follow.
func (l *Link) broken(err error) error {
	_ = l.conn.Close()
	return err
}

// Receive waits for a message.
func (l *Link) Receive() (*Message, error) {
	header, rights := make([]byte, linkHeader), make([]byte, syscall.CmsgSpace(4*4))
	m := &Message{}
	fail := func(err error) (*Message, error) {
		if m.File != nil {
			_ = m.File.Close()
		}
		return nil, err
	}
	for got := 0; got < linkHeader; {
		n, control, _, _, err := l.conn.ReadMsgUnix(header[got:], rights)
		if file := onlyFile(rights[:control]); file != nil {
			if m.File != nil {
				_ = m.File.Close()
			}
			m.File = file
		}
		if err == nil && n == 0 {
			err = io.EOF
		}
		if err != nil {
			return fail(err)
		}
		got += n
	}
	size := binary.LittleEndian.Uint32(header[4:])
	if string(header[:2]) != linkMagic || header[3] != 0 || size > maxText {
		return fail(errors.New("what came on the link is no message"))
	}
	m.Kind, m.Number, m.Text = header[2], binary.LittleEndian.Uint64(header[8:]), make([]byte, size)
	if _, err := io.ReadFull(l.conn, m.Text); err != nil {
		return fail(err)
	}
	return m, nil
}

// onlyFile takes the first descriptor of control data, and closes any other. Package net made them close-on-exec.
func onlyFile(control []byte) *os.File {
	var file *os.File
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if file == nil {
				file = os.NewFile(uintptr(fd), "passed")
			} else {
				_ = syscall.Close(fd)
			}
		}
	}
	return file
}

// Decode reads a message's text.
func (m *Message) Decode(into any) error { return json.Unmarshal(m.Text, into) }
