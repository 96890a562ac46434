// Package shapes has generics and an interface with several implementations.
package shapes

// Number is what Largest compares.
type Number interface {
	~int | ~int32 | ~int64 | ~float64
}

// Largest is instantiated for several shapes.
//
//go:noinline
func Largest[T Number](values []T) T {
	var best T
	for i, v := range values {
		if i == 0 || v > best {
			best = v
		}
	}
	return best
}

// Stack is a generic type with methods.
type Stack[T any] struct{ items []T }

// Push adds an item.
//
//go:noinline
func (s *Stack[T]) Push(v T) { s.items = append(s.items, v) }

// Pop removes the last item.
//
//go:noinline
func (s *Stack[T]) Pop() (v T, ok bool) {
	if len(s.items) == 0 {
		return v, false
	}
	v = s.items[len(s.items)-1]
	s.items = s.items[:len(s.items)-1]
	return v, true
}

// Shape is implemented twice.
type Shape interface {
	Area() float64
	Perimeter() float64
}

// Square is a Shape.
type Square struct{ Side float64 }

// Area of the square.
func (s Square) Area() float64 { return s.Side * s.Side }

// Perimeter of the square.
func (s Square) Perimeter() float64 { return 4 * s.Side }

// Box is a Shape.
type Box struct{ W, H float64 }

// Area of the box.
func (b Box) Area() float64 { return b.W * b.H }

// Perimeter of the box.
func (b Box) Perimeter() float64 { return 2 * (b.W + b.H) }

// Measure calls both methods.
//
//go:noinline
func Measure(s Shape) float64 {
	a := s.Area()
	p := s.Perimeter()
	return a - p/2
}

// Describe switches on dynamic types.
//
//go:noinline
func Describe(v any) string {
	switch v := v.(type) {
	case Square:
		return "square"
	case Box:
		return "box"
	case Shape:
		return "shape"
	case string:
		return v
	case interface{ Len() int }:
		return "sized"
	}
	return "unknown"
}
