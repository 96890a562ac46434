// A service that reads its command line by kong.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Log is embedded with a prefix.
type Log struct {
	Level  string `help:"How much to say." default:"info"`
	Format string `name:"shape" help:"How to say it."`
}

// Serve takes orders.
type Serve struct {
	Listen     string        `short:"l" aliases:"addr" help:"The address to listen on." default:":8080"`
	Tag        []string      `help:"May be repeated."`
	GraceTime  time.Duration `help:"A time." default:"1s"`
	Token      string        `help:"A secret."`
	Dry        bool          `short:"n" negatable:"" help:"Do nothing."`
	HTTPServer string        `help:"Where to ask."`
	// more
	Files []string `arg:"" optional:""`
}

// Run serves.
func (s *Serve) Run(c *CLI) error {
	fmt.Println("ready", *s, c.Config, c.Log)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	return nil
}

// CLI is the command line.
type CLI struct {
	Config  string `short:"c" help:"The configuration." default:"orders.toml"`
	Verbose int    `short:"v" type:"counter" help:"Say more."`
	Log     Log    `embed:"" prefix:"log-"`
	Hidden  string `kong:"-"`
	Serve   Serve  `cmd:"" help:"Take orders."`
}

func main() {
	var cli CLI
	ctx := kong.Parse(&cli)
	ctx.FatalIfErrorf(ctx.Run(&cli))
}
