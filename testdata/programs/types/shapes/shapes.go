// Package shapes holds one type of each kind, for a reader of descriptors to be held against reflect.
package shapes

import (
	"fmt"
	"io"
	"time"
	"unsafe"

	left "example.com/types/left/model"
	right "example.com/types/right/model"
)

type (
	Flag    bool
	Small   int8
	Word    uint16
	Ratio   float32
	Wave    complex128
	Text    string
	Raw     unsafe.Pointer
	Address uintptr
	Bytes   []byte
	Grid    [3][5]uint16
	Empty   struct{}
	Names   map[string]left.Item
	Both    map[left.Item]*right.Item
	In      <-chan right.Item
	Out     chan<- *left.Item
	Pipe    chan (<-chan int)
	Handler func(ctx *Node, items ...left.Item) (right.Item, error)
	Plain   func()
)

// Padded has holes, tags in every form and a blank field.
type Padded struct {
	A    bool
	B    int64 `json:"b"`
	C    bool  `json:"c,omitempty" xml:"c" note:"a \"quoted\" word, größer"`
	_    int32
	D    Word
	E    [0]int64
	Last struct{}
}

// Base is embedded.
type Base struct {
	ID      int
	created time.Time
}

func (b Base) Created() time.Time { return b.created }

// Derived embeds by value, by pointer, and an interface.
type Derived struct {
	Base
	*Node
	io.Reader
	left.Item `json:"item"`
	Right     right.Item
	hidden    uint8
}

func (d *Derived) Hide(v uint8) { d.hidden = v }

// Node refers to itself, directly and in every roundabout way.
type Node struct {
	Next     *Node
	Children []Node
	ByName   map[string]*Node
	Visit    func(*Node, ...Node) Node
	Peers    chan Node
	Any      interface{ Self() *Node }
}

func (n *Node) Self() *Node { return n }

// Ping and Pong are mutually recursive.
type Ping struct{ To *Pong }
type Pong struct{ Back []Ping }

// Store has exported and unexported methods, and an embedded interface.
type Store interface {
	fmt.Stringer
	Get(key string) (left.Item, bool)
	Put(items ...right.Item) error
	seal(depth int)
}

// Number is what generic types are made of.
type Number interface{ ~int | ~float64 }

// Pair is generic.
type Pair[K comparable, V any] struct {
	Key   K
	Value V
	Next  *Pair[K, V]
}

func (p Pair[K, V]) First() K { return p.Key }

// Sum is generic over numbers.
type Sum[N Number] struct{ Total N }

func (s *Sum[N]) Add(n N) { s.Total += n }

// Wide is larger than one word of pointer mask speaks of.
type Wide struct {
	Rows [70]struct {
		P *int
		N int
	}
	Tail *Wide
}

// Huge has a mask that newer releases compute when it is needed.
type Huge struct {
	Cells [4000]struct {
		P *byte
		N uintptr
	}
}

func localOne() any {
	type Local struct{ A int32 }
	return []*Local{{A: 1}}
}

func localTwo() any {
	type Local struct{ A, B string }
	return map[Local]Local{}
}

// Values are the roots from which reflect finds everything else.
func Values() []any {
	return []any{
		Flag(true), Small(1), Word(1), Ratio(1), Wave(1), Text(""), Raw(nil), Address(0), Bytes(nil), Grid{}, Empty{},
		Names{}, Both{}, In(nil), Out(nil), Pipe(nil), Handler(nil), Plain(nil),
		Padded{}, &Base{}, &Derived{}, &Node{}, Ping{}, (*Store)(nil), (*error)(nil), (*any)(nil),
		Pair[string, left.Item]{}, &Pair[Pair[int, bool], *right.Item]{}, &Sum[float64]{}, Wide{}, &Huge{},
		localOne(), localTwo(),
		struct {
			Anon  int `json:"anon"`
			inner map[Small][]struct{ X, Y left.Item }
		}{},
		[...]func(int, ...string) (bool, error){nil}, new([2]chan struct{}), (*interface {
			Do(Node) Pair[int, Text]
			io.Closer
		})(nil),
	}
}
