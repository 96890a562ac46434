// Package state holds what a service would hand over. The tests change it, line by line.
package state

// Address is held by value, two levels down.
type Address struct {
	Street string `json:"street"`
	Zip    int32  `json:"zip"`
	City   string
}

// Customer holds an Address by value.
type Customer struct {
	Name    string
	Address Address
}

// Line is reached by reference only.
type Line struct {
	Sku   string
	Count int32
	Price int64
}

// Order is the root.
type Order struct {
	ID       uint64 `json:"id"`
	Customer Customer
	Lines    []Line
	Parent   *Order
	Pay      Payer
	private  int8
}

// Index is keyed by a string.
type Index map[string]Line

// Block is an array.
type Block [2]Line

// Visit is a function.
type Visit func(Line, int) bool

// Feed is a channel.
type Feed chan Line

// ID is a number.
type ID int32

// Of keeps the type ID, whatever its name is.
func Of(n int32) any { return ID(n) }

// Payer is an interface.
type Payer interface {
	Pay(amount int64) error
	Refund(amount int64) error
}

// Depot has room at its end.
type Depot struct {
	Place *Address
	Open  bool
}

// Use keeps the unexported field.
func (o *Order) Use() int8 { return o.private }

// First returns a type that is local to it.
func First() any {
	type local struct{ A int32 }
	return &local{}
}

// Second returns another type of that name.
func Second() any {
	type local struct{ B string }
	return &local{}
}
