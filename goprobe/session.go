package goprobe

import (
	"encoding/json"
	"fmt"
	"sort"
)

// SessionCodec turns the session of a connection into bytes and back.
type SessionCodec[S any] interface {
	// Name is the format's name, for example "json".
	Name() string
	// Versions are those that Decode can read besides the one registered.
	Versions() []int
	// Encode writes a session whose connection has stopped.
	Encode(session *S) ([]byte, error)
	// Decode reads one, or refuses it. It is called in the trial, too, and changes nothing but what it gives.
	Decode(version int, data []byte) (*S, error)
}

// JSONSession is the codec of sessions that encoding/json reads and writes.
func JSONSession[S any]() *SessionJSON[S] { return &SessionJSON[S]{} }

// SessionJSON is what JSONSession makes.
type SessionJSON[S any] struct {
	check   func(*S) error
	migrate map[int]func([]byte) (S, error)
}

// Check lets the codec refuse a session that was read, which leaves the image before serving.
func (c *SessionJSON[S]) Check(check func(*S) error) *SessionJSON[S] {
	c.check = check
	return c
}

// Migrate lets the codec read an older version, too.
func (c *SessionJSON[S]) Migrate(version int, read func([]byte) (S, error)) *SessionJSON[S] {
	if c.migrate == nil {
		c.migrate = map[int]func([]byte) (S, error){}
	}
	c.migrate[version] = read
	return c
}

// Name is "json".
func (c *SessionJSON[S]) Name() string { return "json" }

// Versions are those that Migrate was called with.
func (c *SessionJSON[S]) Versions() []int {
	versions := make([]int, 0, len(c.migrate))
	for v := range c.migrate {
		versions = append(versions, v)
	}
	sort.Ints(versions)
	return versions
}

// Encode writes it.
func (c *SessionJSON[S]) Encode(session *S) ([]byte, error) { return json.Marshal(session) }

// Decode reads it.
func (c *SessionJSON[S]) Decode(version int, data []byte) (*S, error) {
	session := new(S)
	if read := c.migrate[version]; read != nil {
		value, err := read(data)
		if err != nil {
			return nil, err
		}
		*session = value
	} else if err := json.Unmarshal(data, session); err != nil {
		return nil, err
	}
	if c.check != nil {
		if err := c.check(session); err != nil {
			return nil, fmt.Errorf("the session is refused: %w", err)
		}
	}
	return session, nil
}
