// A service that overseer renews: its first process listens, and starts the program again as a child, which serves.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/jpillora/overseer"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	overseer.Run(overseer.Config{
		Address: *listen,
		Program: func(state overseer.State) {
			fmt.Println("ready", state.Address, os.Getpid(), os.Getppid())
			http.Serve(state.Listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintln(w, os.Getpid())
			}))
		},
	})
}
