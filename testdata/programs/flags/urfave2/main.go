// A service that reads its command line by urfave/cli v2.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
)

var verbose bool

// common is made before main runs; the compiler puts what it can into the data.
var common = []cli.Flag{
	&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Value: "orders.toml"},
	&cli.BoolFlag{Name: "verbose", Aliases: []string{"V"}, Destination: &verbose},
}

func main() {
	app := &cli.App{
		Name:  "orders",
		Flags: common,
		Commands: []*cli.Command{{
			Name:    "serve",
			Aliases: []string{"run"},
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "listen", Aliases: []string{"l", "addr"}, Value: ":8080", EnvVars: []string{"LISTEN"}},
				&cli.StringSliceFlag{Name: "tag"},
				&cli.DurationFlag{Name: "grace", Value: 5},
				&cli.StringFlag{Name: "token"},
				&cli.BoolFlag{Name: "dry", Aliases: []string{"n"}},
				// more
			},
			Action: func(c *cli.Context) error {
				fmt.Println("ready", c.String("listen"), c.StringSlice("tag"), c.Duration("grace"), verbose)
				stop := make(chan os.Signal, 1)
				signal.Notify(stop, syscall.SIGTERM)
				<-stop
				return nil
			},
		}},
	}
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
