// A service with systemd's socket activation: it serves on the listener that it was started with.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
)

func main() {
	if os.Getenv("LISTEN_FDS") == "" {
		fmt.Println("no socket was passed")
		os.Exit(1)
	}
	syscall.CloseOnExec(3)
	listener, err := net.FileListener(os.NewFile(3, "systemd"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready", listener.Addr(), os.Getpid())
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getpid())
	}))
}
