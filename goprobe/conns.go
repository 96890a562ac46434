package goprobe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"reflect"
	"syscall"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/handover"
)

// ErrHandover is what a Conn's reads return at the end of a message when an update is due. The loop returns, best with
// this very error, and is called again: in the next image, or in this one when the update failed.
var ErrHandover = errors.New("goprobe: the connection is handed over to the next image")

// ConnKind declares one kind of connections that survive an update.
type ConnKind[S any] struct {
	// Name tells the kinds apart, in this image and the next.
	Name string
	// Version is that of the serialised session; versions start at 1. Raise it when the serialised form changes.
	Version int
	// Framing tells where messages end.
	Framing Framing
	// Serve is the connection's loop. It is called in a goroutine of its own when the connection is given to Keep, again
	// by each image that takes it over, and again where an update failed. All that has to outlast the call is in the
	// session. The connection is closed when Serve returns, unless an update is due and either a read returned ErrHandover
	// or Serve returns it. Goroutines that Serve started and that write to the connection in more than one piece a message
	// have to end before it returns.
	Serve func(c *Conn, session *S) error
	// Codec is JSONSession unless set.
	Codec SessionCodec[S]
}

// Conns are the connections of one kind.
type Conns[S any] struct {
	probe *Probe
	kind  *connKind
}

// connKind is a ConnKind without its type.
type connKind struct {
	name        string
	version     int
	typeName    string
	fingerprint string
	codec       string
	older       []int
	framing     Framing
	serve       func(*Conn, any) error
	encode      func(any) ([]byte, error)
	decode      func(int, []byte) (any, error)

	// Of its connSet's lock.
	counts    [3]int // by fate
	restored  int
	addresses map[string]int
}

// fate is what an update does with a connection.
type fate int

const (
	fateKept  fate = iota
	fateTLS        // closed with close_notify
	fateOther      // closed
)

const maxConnKinds = bounds.MaxRows

// RegisterConns declares a kind of connections; call it before Ready, which starts the loops of those that the image
// before handed over: all that Serve uses has to be in place by then.
func RegisterConns[S any](p *Probe, kind ConnKind[S]) (*Conns[S], error) {
	codec := kind.Codec
	if codec == nil {
		codec = JSONSession[S]()
	}
	t := reflect.TypeOf((*S)(nil)).Elem()
	k := &connKind{
		name: kind.Name, version: kind.Version, framing: kind.Framing, codec: codec.Name(), older: codec.Versions(),
		typeName: handover.TypeName(t), fingerprint: handover.Fingerprint(t), addresses: map[string]int{},
		encode: func(session any) (data []byte, err error) {
			defer recovered(&err)
			return codec.Encode(session.(*S))
		},
		decode: func(version int, data []byte) (session any, err error) {
			defer recovered(&err)
			value, err := codec.Decode(version, data)
			if err == nil && value == nil {
				err = errors.New("the codec gave no session")
			}
			return value, err
		},
	}
	if kind.Serve != nil {
		k.serve = func(c *Conn, session any) error { return kind.Serve(c, session.(*S)) }
	}
	if err := p.conns.register(p, k); err != nil {
		return nil, &StateError{Name: bounds.Cut(kind.Name), Op: "register connections", Err: err}
	}
	return &Conns[S]{probe: p, kind: k}, nil
}

func (s *connSet) register(p *Probe, k *connKind) error {
	p.states.mu.Lock()
	ready := p.states.ready
	p.states.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case k.name == "" || len(k.name) > bounds.MaxText:
		return errors.New("a name has 1 to 256 bytes")
	case k.version < 1:
		return errors.New("versions start at 1")
	case k.framing.length == nil:
		return errors.New("it has no framing: Lines, LengthPrefixed, WebSocket, Messages or Stream makes one")
	case !k.framing.stream && k.framing.max < 1:
		return errors.New("its framing allows no message")
	case k.serve == nil:
		return errors.New("it has no Serve")
	case ready:
		return errors.New("register it before Ready")
	case len(s.kinds) == maxConnKinds:
		return errors.New("there are too many")
	}
	for _, other := range s.kinds {
		if other.name == k.name {
			return errors.New("the name is taken")
		}
	}
	s.kinds = append(s.kinds, k)
	return nil
}

// Keep gives a connection to the probe, which runs its loop and closes it at the end; it must not be used elsewhere any
// more. The bytes in unread were read from it before, and come first. On an error it is still the caller's.
//
// Connections of type *net.TCPConn and *net.UnixConn are handed over. Any other, such as a *tls.Conn, whose secrets stay
// in this process, is served in the same way, and closed right before exec once its loop has stopped between two messages;
// Status counts those. Keep may be called from Ready on, also while an update is under way: it then waits for its end.
func (k *Conns[S]) Keep(conn net.Conn, unread []byte, session S) error {
	p := k.probe
	if p.stopped.Load() {
		return ErrStopped
	}
	p.states.mu.Lock()
	ready := p.states.ready
	p.states.mu.Unlock()
	switch conn.(type) {
	case *Conn:
		return errors.New("goprobe: the connection is kept already")
	case nil:
		return errors.New("goprobe: no connection")
	}
	if !ready {
		return errors.New("goprobe: call Ready before the first connection is kept")
	}
	c := newConn(p, k.kind, conn, &session)
	c.buf = append([]byte(nil), unread...)
	p.conns.add(c)
	go c.run()
	return nil
}

// Serve accepts connections and keeps them, like Keep, until the listener is closed. The function open makes the session
// of a new one, or refuses it; it does not read from it. Nil makes an empty session. The listener is one of Listen's, or
// wraps one and gives its Addr.
func (k *Conns[S]) Serve(l net.Listener, open func(net.Conn) (S, error)) error {
	p := k.probe
	own := p.listeners.find(l)
	if own == nil {
		address := bounds.Cut(l.Addr().String())
		return &NotReadyError{[]Reason{{ReasonConnections, address,
			fmt.Sprintf("%s is no listener of the probe: use Probe.Listen", address)}}}
	}
	p.conns.accepts(own, 1)
	defer p.conns.accepts(own, -1)
	for {
		conn, err := l.Accept()
		if err != nil {
			if transient(err) {
				p.options.Logger.Warn("a connection could not be accepted", "error", err)
				p.rest(acceptRetry)
				continue
			}
			return err
		}
		var session S
		if open != nil {
			if session, err = open(conn); err != nil {
				_ = conn.Close()
				continue
			}
		}
		if err := k.Keep(conn, nil, session); err != nil {
			_ = conn.Close()
			return err
		}
	}
}

// transient tells whether a later Accept may succeed: no descriptors, or a peer that is gone already.
func transient(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && (number == syscall.EMFILE || number == syscall.ENFILE ||
		number == syscall.ENOBUFS || number == syscall.ENOMEM || number == syscall.ECONNABORTED)
}

// Len is how many connections of the kind are open.
func (k *Conns[S]) Len() int {
	s := &k.probe.conns
	s.mu.Lock()
	defer s.mu.Unlock()
	return k.kind.open()
}

// Close closes all connections of the kind, for a service that ends.
func (k *Conns[S]) Close() {
	for _, c := range k.probe.conns.all() {
		if c.kind == k.kind {
			_ = c.shut()
		}
	}
}

func (k *connKind) open() int { return k.counts[fateKept] + k.counts[fateTLS] + k.counts[fateOther] }

func (k *connKind) versions() []int {
	all := []int{}
	for _, v := range k.older {
		if v != k.version {
			all = append(all, v)
		}
	}
	return append(all, k.version)
}

func fateOf(conn net.Conn) fate {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return fateKept
	case *net.UnixConn:
		if conn.LocalAddr().Network() == "unix" {
			return fateKept
		}
	case *tls.Conn:
		return fateTLS
	}
	return fateOther
}
