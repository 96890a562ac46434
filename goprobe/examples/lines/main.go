// Lines counts the lines of each of its TCP connections, also over updates: SIGUSR2 makes it execute its own path anew.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"syscall"

	"hotgate/goprobe"
)

// session is what has to outlast an update. The bytes of a line that has not ended yet are goprobe's affair.
type session struct {
	Count int `json:"count"`
}

func main() {
	address := flag.String("listen", "127.0.0.1:7000", "address to listen on")
	flag.Parse()
	if err := run(*address); err != nil {
		log.Fatal(err)
	}
}

func run(address string) error {
	ctx := context.Background()
	p, err := goprobe.Start(ctx, goprobe.Options{NoHeartbeat: true})
	if err != nil {
		return err
	}
	lines, err := goprobe.RegisterConns(p, goprobe.ConnKind[session]{
		Name: "lines", Version: 1, Framing: goprobe.Lines(64 << 10), Serve: serve,
	})
	if err != nil {
		return err
	}
	listener, err := p.Listen("tcp", address)
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil { // connections of the image before are served from here on
		return err
	}
	p.OnReload(syscall.SIGUSR2, func() { log.Print(p.Upgrade(ctx, goprobe.UpgradeOptions{})) })
	fmt.Printf("generation %d listening on %s\n", p.Image().Generation, listener.Addr())
	return lines.Serve(listener, func(net.Conn) (session, error) { return session{}, nil })
}

// serve is the loop of one connection. At an update ReadMessage returns goprobe.ErrHandover; serve returns, and the next
// image calls its own.
func serve(c *goprobe.Conn, s *session) error {
	for {
		line, err := c.ReadMessage()
		if err != nil {
			return err
		}
		s.Count++
		if _, err := fmt.Fprintf(c, "%d %s", s.Count, line); err != nil {
			return err
		}
	}
}
