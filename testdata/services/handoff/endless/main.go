// A service that renews itself by endless: SIGHUP starts the program again, which gets the listener.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/fvbock/endless"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	fmt.Println("ready", *listen, os.Getpid())
	endless.ListenAndServe(*listen, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getpid())
	}))
}
