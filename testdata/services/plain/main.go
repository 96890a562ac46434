// Plain is a service that executes the program at -next when it gets SIGHUP, with its listener and without anything that tries the program
// first. -ldflags "-X main.fault=NAME" makes it crash or hang once that program is it.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// fault is set by the linker: "" for none, "crash", or "hang".
var fault string

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	next := flag.String("next", "", "program that SIGHUP goes over to")
	flag.Parse()
	if err := run(*listen, *next); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, next string) error {
	if fault == "crash" {
		return fmt.Errorf("the fault %s", fault)
	}
	if fault == "hang" {
		signal.Ignore(syscall.SIGHUP, syscall.SIGTERM)
		for {
			time.Sleep(time.Hour)
		}
	}
	listener, err := inherited(address)
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for range hup {
			fmt.Fprintln(os.Stderr, replace(listener, next))
		}
	}()
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprintln(w, os.Getpid())
	}))
}

func inherited(address string) (net.Listener, error) {
	number, err := strconv.Atoi(os.Getenv("PLAIN_FD"))
	if err != nil {
		return net.Listen("tcp", address)
	}
	file := os.NewFile(uintptr(number), "listener")
	defer file.Close()
	return net.FileListener(file)
}

// replace executes next, which finds the listener by its number; it returns only if that fails.
func replace(listener net.Listener, next string) error {
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer file.Close()
	number, err := syscall.Dup(int(file.Fd())) // without close-on-exec
	if err != nil {
		return err
	}
	return syscall.Exec(next, os.Args, append(os.Environ(), "PLAIN_FD="+strconv.Itoa(number)))
}
