// A service that has tableflip linked in, for its types, and never calls it: it is replaced by exec in place.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/cloudflare/tableflip"
)

// options are kept for a time when tableflip is used.
var options = &tableflip.Options{PIDFile: "/run/linked.pid"}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go http.Serve(listener, http.NotFoundHandler())
	fmt.Println("ready", listener.Addr(), os.Getpid(), options.PIDFile)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	<-hup
	fmt.Println(syscall.Exec(os.Args[0], os.Args, os.Environ()))
}
