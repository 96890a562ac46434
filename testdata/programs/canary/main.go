// Canary is a service that lets its next image serve a share of the connections first, and the crowds that ask it: "canary
// serve", "canary count" and "canary crowd", each a process of its own.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: canary serve|count|crowd [flags]")
		os.Exit(2)
	}
	run, ok := map[string]func([]string) error{"serve": serve, "count": count, "crowd": crowd}[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "canary: no command %q\n", os.Args[1])
		os.Exit(2)
	}
	if err := run(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "canary:", err)
		os.Exit(1)
	}
}
