// A service that renews itself by facebookgo/grace: SIGUSR2 starts the program again, which gets the listeners.
//
// Built with the tag extra, it opens a listener that grace does not know of, too. gracehttp, which wraps gracenet, needs a module that has vanished.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/facebookgo/grace/gracenet"
)

var beside = func() {}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	beside()
	var listeners gracenet.Net
	listener, err := listeners.Listen("tcp", *listen)
	check(err)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getpid())
	}))
	fmt.Println("ready", listener.Addr(), os.Getpid())
	usr2 := make(chan os.Signal, 1)
	signal.Notify(usr2, syscall.SIGUSR2)
	<-usr2
	_, err = listeners.StartProcess()
	check(err)
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
