// A service that passes its listener to a child by hand, by os.StartProcess, on SIGHUP.
//
// -keep makes the duplicate of the listener's descriptor when it starts, as most who pass one on do.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	keep := flag.Bool("keep", false, "duplicate the listener's descriptor now")
	flag.Parse()
	var listener net.Listener
	var err error
	if os.Getenv("PASSED") != "" {
		listener, err = net.FileListener(os.NewFile(3, "listener"))
	} else {
		listener, err = net.Listen("tcp", *listen)
	}
	check(err)
	var file *os.File
	if *keep {
		file, err = listener.(*net.TCPListener).File()
		check(err)
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getpid())
	}))
	fmt.Println("ready", listener.Addr(), os.Getpid())
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	<-hup
	if file == nil {
		file, err = listener.(*net.TCPListener).File()
		check(err)
	}
	_, err = os.StartProcess(os.Args[0], os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), "PASSED=1"),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, file},
	})
	check(err)
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
