package goprobe

import (
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"sort"
)

// JSON makes a codec for a T. The function get takes a snapshot of the state, under whatever lock it needs; set puts a
// decoded one into place, and may refuse it.
func JSON[T any](get func() (T, error), set func(T) error) *ValueCodec[T] {
	return &ValueCodec[T]{
		name: "json", get: get, set: set,
		encode: func(w io.Writer, v T) error { return json.NewEncoder(w).Encode(v) },
		decode: func(r io.Reader, v *T) error {
			decoder := json.NewDecoder(r)
			if err := decoder.Decode(v); err != nil {
				return err
			}
			if _, err := decoder.Token(); err != io.EOF {
				return fmt.Errorf("something follows the value")
			}
			return nil
		},
	}
}

// Gob makes a codec for a T with encoding/gob, which is faster with many numbers and keeps no field names a value.
func Gob[T any](get func() (T, error), set func(T) error) *ValueCodec[T] {
	return &ValueCodec[T]{
		name: "gob", get: get, set: set,
		encode: func(w io.Writer, v T) error { return gob.NewEncoder(w).Encode(v) },
		decode: func(r io.Reader, v *T) error { return gob.NewDecoder(r).Decode(v) },
	}
}

// ValueCodec serialises snapshots of type T.
type ValueCodec[T any] struct {
	name    string
	get     func() (T, error)
	set     func(T) error
	encode  func(io.Writer, T) error
	decode  func(io.Reader, *T) error
	migrate map[int]func(io.Reader) (T, error)
}

// Migrate lets the codec read an older version, too.
func (c *ValueCodec[T]) Migrate(version int, read func(io.Reader) (T, error)) *ValueCodec[T] {
	if c.migrate == nil {
		c.migrate = map[int]func(io.Reader) (T, error){}
	}
	c.migrate[version] = read
	return c
}

// Name is "json" or "gob".
func (c *ValueCodec[T]) Name() string { return c.name }

// Type is T.
func (c *ValueCodec[T]) Type() reflect.Type { return reflect.TypeOf((*T)(nil)).Elem() }

// Versions are those that Migrate was called with.
func (c *ValueCodec[T]) Versions() []int {
	versions := make([]int, 0, len(c.migrate))
	for v := range c.migrate {
		versions = append(versions, v)
	}
	sort.Ints(versions)
	return versions
}

// Encode writes a snapshot.
func (c *ValueCodec[T]) Encode(w io.Writer) error {
	value, err := c.get()
	if err != nil {
		return err
	}
	return c.encode(w, value)
}

// Decode reads into a new T.
func (c *ValueCodec[T]) Decode(version int, r io.Reader) (func() error, error) {
	var value T
	var err error
	if read := c.migrate[version]; read != nil {
		value, err = read(r)
	} else {
		err = c.decode(r, &value)
	}
	if err != nil {
		return nil, err
	}
	return func() error { return c.set(value) }, nil
}
