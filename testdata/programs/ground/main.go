// Ground is the program that the ground truth of the comparison edits.
package main

import (
	"os"
	"strconv"

	"example.com/ground/internal/ledger"
	"example.com/ground/internal/pricing"
	"example.com/ground/internal/shapes"
	"example.com/ground/native"
)

type app struct {
	ledger *ledger.Ledger
	orders []*pricing.Order
}

func arguments() []int64 {
	values := []int64{1, 2, 3}
	for _, a := range os.Args[1:] {
		n, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			continue
		}
		values = append(values, n)
	}
	return values
}

//go:noinline
func (a *app) fill(values []int64) {
	for i, v := range values {
		o := &pricing.Order{ID: v, Quantity: int64(i), Unit: v * 2, Weight: float64(v), Currency: "chf"}
		pricing.Stamp(o, "label")
		a.orders = append(a.orders, o)
		if err := a.ledger.Add(o); err != nil {
			println(err.Error())
		}
	}
}

//go:noinline
func (a *app) arithmetic() int64 {
	var sum int64
	for _, o := range a.orders {
		sum += pricing.Handling(o) + pricing.Insured(o) + pricing.Shipping(o) + pricing.Bump(sum)
		sum += pricing.Class(o.ID) + pricing.Stepped(int(o.ID)) + int64(pricing.Scaled(o))
		sum += int64(len(pricing.Notice(o)))
		if pricing.Newly(o.ID) != pricing.Index(o.ID) {
			sum += int64(len(pricing.Sheet(o.ID))) + pricing.Prime(o.ID)
		}
		sum += pricing.Grid(o.ID) + pricing.Codes()[pricing.Zone(o.ID)]
		if name, share := pricing.Band(o.ID); share > 1 {
			sum += int64(len(name))
		}
		if text, ok := pricing.Boxed(o.ID).(string); ok {
			sum += pricing.Tariff(o.ID)(int64(len(text) + len(pricing.Table(o.ID))))
		}
	}
	for name, route := range ledger.Routes {
		sum += route(int64(len(name)))
	}
	return ledger.Staged(sum)
}

func (a *app) show(total int64) {
	println("total", total, shapes.Describe(pricing.Fresh("a")), shapes.Describe(pricing.Abroad("b")))
}

func main() {
	a := &app{ledger: ledger.New(&ledger.Memory{})}
	if len(os.Args) > 9 {
		a.ledger = ledger.New(&ledger.Discard{})
	}
	values := arguments()
	a.fill(values)
	pricing.Reset(int64(len(values)))
	total := a.arithmetic() + native.Mix(values[0]) + int64(len(native.Label(values[0])))
	total += ledger.Spread(a.orders, func(o *pricing.Order) int64 { return pricing.Total(o) + total })
	total += shapes.Largest(values)
	var stack shapes.Stack[string]
	stack.Push("bottom")
	top, _ := stack.Pop()
	count := a.ledger.Report(func(region string, sum int64) { println(region, sum) })
	println(top, count, shapes.Measure(shapes.Unit), shapes.Measure(shapes.Box{W: 2, H: 3}), a.ledger.Close())
	a.show(total)
}
