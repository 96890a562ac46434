// Command layouts keeps the types of package state in its binary.
package main

import "example.com/layouts/state"

// Keep is what needs the types at run time.
var Keep = []any{
	&state.Order{}, &state.Customer{}, &state.Address{}, &state.Line{}, state.Index{}, &state.Block{},
	state.Visit(nil), state.Feed(nil), state.Of(1), (*state.Payer)(nil), &state.Depot{}, state.First(), state.Second(),
}

func main() {
	println(len(Keep))
}
