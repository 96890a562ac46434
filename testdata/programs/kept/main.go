// Kept is a service with many long connections, and the crowd that talks to it over updates in place and counts every
// message: "kept serve" and "kept crowd", each a process of its own.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kept serve|crowd [flags]")
		os.Exit(2)
	}
	run, ok := map[string]func([]string) error{"serve": serve, "crowd": crowd}[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "kept: no command %q\n", os.Args[1])
		os.Exit(2)
	}
	if err := run(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "kept:", err)
		os.Exit(1)
	}
}
