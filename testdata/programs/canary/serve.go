package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"hotgate/goprobe"
)

// order is what the next SIGUSR2 does; the file that -order names has it.
type order struct {
	Share float64 `json:"share"`
	For   float64 `json:"for"` // seconds
	Fault string  `json:"fault"`
}

func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	network := flags.String("network", "tcp", "tcp or unix")
	address := flags.String("listen", "127.0.0.1:0", "address to listen on")
	orders := flags.String("order", "", "file with what the next SIGUSR2 does")
	fault := flags.String("fault", "", "what is wrong with this image, while it is a canary")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	p, err := goprobe.Start(context.Background(), goprobe.Options{NoHeartbeat: true})
	if err != nil {
		return err
	}
	endpoints, err := p.ServeEndpoints("127.0.0.1:0")
	if err != nil {
		return err
	}
	listener, err := p.ListenNamed("http", *network, *address)
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil {
		return err
	}
	p.OnReload(syscall.SIGUSR2, func() { fmt.Println("ended", upgrade(p, *orders)) })
	side := "old"
	if p.Canary() {
		side = "new"
	}
	wrong := p.Canary() && *fault != ""
	if wrong {
		go later(*fault)
	}
	requests := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++ // a figure in passing: that it may be off is no matter
		w.Header().Set("X-Side", side)
		if wrong {
			spoil(*fault, w, requests)
		}
		time.Sleep(2 * time.Millisecond)
		fmt.Fprintf(w, "%d\n", p.Image().Generation)
	})
	if !p.Canary() {
		fmt.Printf("generation %d %s %s\n", p.Image().Generation, listener.Addr(), endpoints)
	}
	return p.Serve(listener, &http.Server{Handler: p.Measure(handler), ReadHeaderTimeout: 10 * time.Second})
}

func upgrade(p *goprobe.Probe, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	argv := append(append([]string{}, os.Args[:2]...), "-fault", o.Fault)
	for i := 2; i < len(os.Args); i++ { // but for the last fault
		if os.Args[i] == "-fault" {
			i++
			continue
		}
		argv = append(argv, os.Args[i])
	}
	return p.Upgrade(context.Background(), goprobe.UpgradeOptions{Argv: argv, Canary: goprobe.CanaryOptions{
		Share: o.Share, For: time.Duration(o.For * float64(time.Second)), SharesState: true,
	}})
}

// later is what goes wrong without a request.
func later(fault string) {
	time.Sleep(time.Second)
	switch fault {
	case "crash":
		os.Exit(3)
	case "hang":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "memory":
		for leak := [][]byte{}; ; time.Sleep(10 * time.Millisecond) {
			piece := make([]byte, 16<<20)
			for i := 0; i < len(piece); i += 4096 {
				piece[i] = 1
			}
			leak = append(leak, piece)
			if len(leak) > 64 {
				os.Exit(4) // more than a gigabyte, and nothing stopped it
			}
		}
	}
}

// spoil is what goes wrong with a request.
func spoil(fault string, w http.ResponseWriter, requests int) {
	switch fault {
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	case "some": // a fifth
		if requests%5 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	case "slow":
		time.Sleep(200 * time.Millisecond)
	}
}
