// Grpc is a gRPC service that replaces itself without a failed call: at an update clients are told to go away, and find the
// next image behind the same listener.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"hotgate/goprobe"
)

func main() {
	address := flag.String("listen", "127.0.0.1:7003", "address to listen on")
	streams := flag.Duration("streams", 10*time.Second, "how long streams may go on when an update is due")
	next := flag.String("next", "", "program that SIGUSR2 goes over to; its own path unless set")
	flag.Parse()
	if err := run(*address, *next, *streams); err != nil {
		log.Fatal(err)
	}
}

func run(address, next string, streams time.Duration) error {
	ctx := context.Background()
	p, err := goprobe.Start(ctx, goprobe.Options{NoHeartbeat: true})
	if err != nil {
		return err
	}
	listener, err := p.Listen("tcp", address)
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil {
		return err
	}
	p.OnReload(syscall.SIGUSR2, func() {
		err := p.Upgrade(ctx, goprobe.UpgradeOptions{Path: next, NoTrial: next != "", Drain: goprobe.DrainOptions{Graceful: streams}})
		fmt.Println("not updated:", err)
	})
	fmt.Printf("generation %d listening on %s\n", p.Image().Generation, listener.Addr())
	// A *grpc.Server serves once: after an update that failed there is another.
	return p.ServeGraceful(listener, func() goprobe.GracefulServer {
		server := grpc.NewServer()
		grpc_health_v1.RegisterHealthServer(server, health.NewServer())
		return server
	})
}
