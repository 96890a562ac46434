// A service that reads its command line by go-flags.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/jessevdk/go-flags"
)

type log struct {
	Level string `long:"level" description:"how much to say"`
}

type options struct {
	Listen  string   `short:"l" long:"listen" description:"the address to listen on" default:":8080"`
	Verbose []bool   `short:"v" long:"verbose" description:"say more"`
	Tag     []string `long:"tag" description:"may be repeated"`
	Token   string   `long:"token" description:"a secret"`
	Dry     bool     `short:"n" long:"dry" description:"do nothing"`
	Log     log      `group:"logging" namespace:"log"`
	// more
}

func main() {
	var o options
	parser := flags.NewParser(&o, flags.Default)
	if _, err := parser.Parse(); err != nil {
		os.Exit(2)
	}
	fmt.Println("ready", o.Listen, len(o.Verbose), o.Tag, o.Dry, o.Log.Level)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}
