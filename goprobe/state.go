package goprobe

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/handover"
)

// Codec turns a state into bytes and back.
type Codec interface {
	// Name is the format's name, for example "json".
	Name() string
	// Type is what is serialised; its fingerprint is reported.
	Type() reflect.Type
	// Versions are those that Decode can read besides the one registered.
	Versions() []int
	// Encode writes the state as it is now. It is called once while the service still serves, for the trial, and once
	// after it was drained.
	Encode(w io.Writer) error
	// Decode reads a state of that version into a buffer of its own and leaves the service's state alone. The function
	// that it gives puts the buffer into place; it is called once all states were decoded.
	Decode(version int, r io.Reader) (commit func() error, err error)
}

type state struct {
	name        string
	version     int
	typeName    string
	fingerprint string
	codec       Codec
	restored    *Restored
}

func (s *state) encode(w io.Writer) (err error) {
	defer recovered(&err)
	return s.codec.Encode(w)
}

func (s *state) accepts(version int) bool {
	for _, v := range s.versions() {
		if v == version {
			return true
		}
	}
	return false
}

func (s *state) versions() []int {
	all := []int{}
	for _, v := range s.codec.Versions() {
		if v != s.version {
			all = append(all, v)
		}
	}
	return append(all, s.version)
}

func (s *state) decode(version int, r io.Reader) (commit func() error, err error) {
	defer recovered(&err)
	commit, err = s.codec.Decode(version, r)
	if err == nil && commit == nil {
		err = errors.New("the codec gave nothing to put into place")
	}
	return commit, err
}

// recovered turns a panic of the service's code into an error: in the old image it must not end the service.
func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("it panicked: %v", cause)
	}
}

type stateSet struct {
	mu    sync.Mutex
	list  []*state
	ready bool
}

func (s *stateSet) all() []*state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*state(nil), s.list...)
}

const maxStates = 256

// RegisterState declares a state that Exec hands over and Ready restores. Versions start at 1; raise it when the
// serialised form changes.
func (p *Probe) RegisterState(name string, version int, codec Codec) error {
	fail := func(text string) error {
		return &StateError{Name: bounds.Cut(name), Op: "register", Err: errors.New(text)}
	}
	p.states.mu.Lock()
	defer p.states.mu.Unlock()
	switch {
	case name == "" || len(name) > bounds.MaxText:
		return fail("a name has 1 to 256 bytes")
	case version < 1:
		return fail("versions start at 1")
	case codec == nil:
		return fail("it has no codec")
	case p.states.ready && p.from != nil:
		return fail("register it before Ready: what was handed over is gone by now")
	case len(p.states.list) == maxStates:
		return fail("there are too many")
	}
	for _, other := range p.states.list {
		if other.name == name {
			return fail("the name is taken")
		}
	}
	s := &state{name: name, version: version, codec: codec, typeName: "", fingerprint: handover.Fingerprint(codec.Type())}
	if t := codec.Type(); t != nil {
		s.typeName = handover.TypeName(t)
	}
	p.states.list = append(p.states.list, s)
	return nil
}
