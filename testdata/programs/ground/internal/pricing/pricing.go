// Package pricing holds the arithmetic that the edits of the ground truth change.
package pricing

import "example.com/units"

// Order is used through pointers everywhere.
type Order struct {
	ID       int64
	Quantity int64
	Unit     int64
	Currency string
	Weight   float64
	Parcel   Parcel
}

// Parcel is part of an order.
type Parcel struct {
	Grams int64
	Label string
}

// Surcharge and Discount are two package variables of one type.
var (
	Surcharge int64 = 7
	Discount  int64 = 11
)

// Steps is read through a pointer by Stepped.
var Steps = []int64{3, 5, 8, 13}

// Bump is small enough to be inlined in every caller.
func Bump(n int64) int64 { return n*3 + 25 }

// Total adds a handling fee.
//
//go:noinline
func Total(o *Order) int64 {
	return o.Quantity*o.Unit + 250000
}

// Handling calls a function that is inlined.
//
//go:noinline
func Handling(o *Order) int64 {
	return Bump(o.Quantity) + o.Unit
}

// Insured calls it twice.
//
//go:noinline
func Insured(o *Order) int64 {
	if o.Weight > 2.5 {
		return Bump(o.Unit)
	}
	return Bump(o.ID) - o.Quantity
}

// Settle calls Rebate, which lies right before rate.
//
//go:noinline
func Settle(n int64) int64 {
	return Rebate(n) + 1
}

// Rebate has the same size as rate.
//
//go:noinline
func Rebate(n int64) int64 {
	return n*3 - 40
}

//go:noinline
func rate(n int64) int64 {
	return n*5 - 60
}

// Quote keeps rate alive.
//
//go:noinline
func Quote(n int64) int64 {
	return rate(n) + rate(n+1)
}

// North and South are the same code under two names.
//
//go:noinline
func North(n int64) int64 {
	return n*n + 77
}

// South is North's twin.
//
//go:noinline
func South(n int64) int64 {
	return n*n + 77
}

// Compass calls both.
//
//go:noinline
func Compass(n int64) int64 {
	return North(n) - South(n+1)
}

// Adjust reads one of the package variables.
//
//go:noinline
func Adjust(n int64) int64 {
	return n + Surcharge
}

// Reset writes both package variables.
//
//go:noinline
func Reset(n int64) {
	Surcharge = n
	Discount = n + 1
}

// Currency answers with a literal.
//
//go:noinline
func Currency(o *Order) string {
	if o.Currency == "" {
		return "usd"
	}
	return o.Currency
}

// Region answers with a literal that is only referenced here.
//
//go:noinline
func Region(n int64) string {
	if n > 100 {
		return "northern hemisphere"
	}
	return "southern hemisphere"
}

// Scaled uses float constants.
//
//go:noinline
func Scaled(o *Order) float64 {
	return o.Weight*1.25 + 0.75
}

// Stepped indexes a slice that a package variable points to.
//
//go:noinline
func Stepped(i int) int64 {
	return Steps[i&3]
}

// Fresh allocates one of two types of the same size.
//
//go:noinline
func Fresh(label string) any {
	p := new(Domestic)
	p.Label = label
	return p
}

// Domestic and Foreign differ in name only.
type Domestic struct {
	Label string
	Code  int64
}

// Foreign is Domestic's twin.
type Foreign struct {
	Label string
	Code  int64
}

// Abroad keeps Foreign alive.
//
//go:noinline
func Abroad(label string) any {
	return &Foreign{Label: label, Code: 3}
}

// Class has a jump table.
//
//go:noinline
func Class(n int64) int64 {
	switch n {
	case 0:
		return Surcharge
	case 1:
		return Discount * 3
	case 2:
		return Surcharge - 9
	case 3:
		return Discount + 31
	case 4:
		return Surcharge * Discount
	case 5:
		return Discount - Surcharge
	case 6:
		return Surcharge + 100
	case 7:
		return Discount * 17
	case 8:
		return Surcharge - 41
	}
	return n
}

// Shipping goes through the dependency: one call, one inlined body.
//
//go:noinline
func Shipping(o *Order) int64 {
	return units.Grams(o.Parcel.Grams) + units.Minor(o.Unit)
}

// Stamp writes behind the field that an edit inserts.
//
//go:noinline
func Stamp(o *Order, label string) *Order {
	o.Parcel.Label = label
	o.Parcel.Grams++
	return o
}
