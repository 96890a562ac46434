// Datagram answers UDP datagrams, one after the other. Its socket is handed over: what comes while the images change waits
// in the kernel.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"sync/atomic"
	"syscall"

	"hotgate/goprobe"
)

func main() {
	address := flag.String("listen", "127.0.0.1:5353", "address to listen on")
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
	var count atomic.Int64
	err = p.RegisterState("count", 1, goprobe.JSON(
		func() (int64, error) { return count.Load(), nil },
		func(n int64) error { count.Store(n); return nil }))
	if err != nil {
		return err
	}
	socket, err := p.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil {
		return err
	}
	p.OnReload(syscall.SIGUSR2, func() { log.Print(p.Upgrade(ctx, goprobe.UpgradeOptions{})) })
	fmt.Printf("generation %d listening on %s\n", p.Image().Generation, socket.LocalAddr())
	return socket.Serve(func(data []byte, from net.Addr) {
		if _, err := fmt.Fprintf(reply{socket, from}, "%s %d", data, count.Add(1)); err != nil {
			log.Print(err)
		}
	})
}

// reply writes to one peer.
type reply struct {
	socket net.PacketConn
	to     net.Addr
}

func (r reply) Write(data []byte) (int, error) { return r.socket.WriteTo(data, r.to) }
