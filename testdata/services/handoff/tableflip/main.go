// A service that renews itself by tableflip: SIGHUP starts the program at its path as a child, which gets the listener.
//
// -drain drains as none is lost: answers that end their connection, then a second without the listener, then Shutdown.
// -extra opens a listener that tableflip does not know of, -lock keeps a file locked, as a database in a file does.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cloudflare/tableflip"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	extra := flag.String("extra", "", "address that tableflip does not know of")
	gently := flag.Bool("drain", false, "drain without a loss")
	lock := flag.String("lock", "", "file that is kept locked")
	flag.Parse()

	upgrader, err := tableflip.New(tableflip.Options{UpgradeTimeout: 10 * time.Second})
	check(err)
	defer upgrader.Stop()
	if *lock != "" {
		file, err := os.OpenFile(*lock, os.O_CREATE|os.O_RDWR, 0o600)
		check(err)
		check(syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
		defer file.Close()
	}
	if *extra != "" {
		own, err := net.Listen("tcp", *extra)
		check(err)
		go http.Serve(own, http.NotFoundHandler())
	}
	listener, err := upgrader.Listen("tcp", *listen)
	check(err)
	var closing atomic.Bool
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if closing.Load() {
			w.Header().Set("Connection", "close")
		}
		fmt.Fprintln(w, os.Getpid())
	})}
	go server.Serve(listener)
	go func() {
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		for range hup {
			if err := upgrader.Upgrade(); err != nil {
				fmt.Println("upgrade failed:", err)
			}
		}
	}()
	check(upgrader.Ready())
	fmt.Println("ready", listener.Addr(), os.Getpid())
	<-upgrader.Exit()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if *gently {
		closing.Store(true)
		listener.Close()
		time.Sleep(time.Second)
		defer time.Sleep(300 * time.Millisecond)
	}
	server.Shutdown(ctx)
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
