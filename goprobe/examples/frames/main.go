// Frames sums up numbers, each a frame with its length before it, on connections to a unix socket that outlast updates.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"syscall"

	"hotgate/goprobe"
)

// session had no Count in version 1.
type session struct {
	Sum   uint64 `json:"sum"`
	Count int    `json:"count"`
}

func main() {
	path := flag.String("listen", "/tmp/frames.sock", "path of the socket")
	flag.Parse()
	if err := run(*path); err != nil {
		log.Fatal(err)
	}
}

func run(path string) error {
	ctx := context.Background()
	p, err := goprobe.Start(ctx, goprobe.Options{NoHeartbeat: true})
	if err != nil {
		return err
	}
	frames, err := goprobe.RegisterConns(p, goprobe.ConnKind[session]{
		Name: "frames", Version: 2, Framing: goprobe.LengthPrefixed(4, binary.BigEndian, 1<<20), Serve: serve,
		Codec: goprobe.JSONSession[session]().Migrate(1, func(data []byte) (s session, err error) {
			err = json.Unmarshal(data, &s)
			return s, err
		}),
	})
	if err != nil {
		return err
	}
	listener, err := p.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil {
		return err
	}
	p.OnReload(syscall.SIGUSR2, func() { log.Print(p.Upgrade(ctx, goprobe.UpgradeOptions{})) })
	fmt.Printf("generation %d listening on %s\n", p.Image().Generation, listener.Addr())
	return frames.Serve(listener, func(net.Conn) (session, error) { return session{}, nil })
}

// serve reads as from any connection: an update comes between two frames only, whatever the pieces.
func serve(c *goprobe.Conn, s *session) error {
	for {
		var length uint32
		if err := binary.Read(c, binary.BigEndian, &length); err != nil {
			return err
		}
		if length != 8 {
			return fmt.Errorf("a number has 8 bytes, not %d", length)
		}
		var number [8]byte
		if _, err := io.ReadFull(c, number[:]); err != nil {
			return err
		}
		s.Sum += binary.BigEndian.Uint64(number[:])
		s.Count++
		answer := binary.BigEndian.AppendUint32(nil, 8)
		if _, err := c.Write(binary.BigEndian.AppendUint64(answer, s.Sum)); err != nil {
			return err
		}
	}
}
