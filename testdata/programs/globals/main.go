// The program of the tests of package variables: what they edit is in the package state.
package main

import (
	"os"

	"example.com/globals/state"
)

var started int64

func main() {
	started = int64(len(os.Args))
	println(len(state.All()), started, native())
}
