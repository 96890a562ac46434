// Canary greets by HTTP. SIGUSR2 makes it execute its own path anew, once that image has served a share of the connections
// beside this one, and has neither failed more often nor been slower.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"syscall"
	"time"

	"hotgate/goprobe"
)

func main() {
	address := flag.String("listen", "127.0.0.1:7000", "address to listen on")
	share := flag.Float64("share", 0.05, "share of the connections that the next image gets at first; 0 for none")
	length := flag.Duration("for", time.Minute, "for how long")
	requests := flag.Uint64("requests", 100, "how many each side has to answer, or else nothing is decided")
	url := flag.String("judge", "", "who decides, such as http://127.0.0.1:9847/v1/services/NAME/canary; goprobe if empty")
	flag.Parse()
	canary := goprobe.CanaryOptions{
		Share: *share, For: *length, SharesState: true, Judge: goprobe.CountsJudge{MinRequests: *requests},
	}
	if *url != "" {
		canary.Judge = goprobe.URLJudge{URL: *url}
	}
	if err := run(*address, canary); err != nil {
		log.Fatal(err)
	}
}

func run(address string, canary goprobe.CanaryOptions) error {
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
	p.OnReload(syscall.SIGUSR2, func() { log.Print(p.Upgrade(ctx, goprobe.UpgradeOptions{Canary: canary})) })
	mux := http.NewServeMux()
	mux.Handle("/debug/", p.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "hello from generation %d\n", p.Image().Generation)
	})
	word := "listening"
	if p.Canary() { // the old image listens, and passes connections
		word = "beside"
	}
	fmt.Printf("generation %d %s on %s\n", p.Image().Generation, word, listener.Addr())
	return p.Serve(listener, &http.Server{Handler: p.Measure(mux), ReadHeaderTimeout: 10 * time.Second})
}
