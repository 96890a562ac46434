// A service that reads its command line by the flag package.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

var (
	listen  = flag.String("listen", "127.0.0.1:0", "the address to listen on")
	verbose = flag.Bool("v", false, "say more")
)

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// duration passes its name on, as helpers do.
//
//go:noinline
func duration(name string, value time.Duration) *time.Duration {
	return flag.Duration(name, value, "a time")
}

func main() {
	var tags list
	var pause time.Duration
	flag.Var(&tags, "tag", "may be repeated")
	flag.DurationVar(&pause, "pause", 0, "how long to wait before it listens")
	flag.BoolFunc("dry", "do nothing", func(string) error { return nil })
	token := flag.String("token", "", "a secret")
	grace := duration("grace", time.Second)
	// more
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if *verbose {
		fmt.Fprintln(os.Stderr, tags, pause, *grace, len(*token))
	}
	fmt.Println("ready", l.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}
