// Live is an order service that replaces itself in place: SIGUSR2 makes it try and then execute the program at -next,
// with its listener, its orders and its long connections. It prices orders in C, with scratch memory in thread-local storage.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/live/boot"
	"example.com/live/counts"
	"example.com/live/faults"
	"example.com/live/feed"
	"example.com/live/native"
	"example.com/live/notify"
	"example.com/live/orders"
	"hotgate/goprobe"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	feedAt := flag.String("feed", "", "address of long connections that are told how many orders there are; none unless set")
	next := flag.String("next", "", "program that SIGUSR2 goes over to; its own path unless set")
	interval := flag.Duration("interval", 0, "from one heartbeat window to the next; the probe's default unless set")
	window := flag.Duration("window", 0, "length of a heartbeat window; the probe's default unless set")
	directory := flag.String("windows", "", "directory that keeps heartbeat windows")
	flag.Parse()
	if err := run(*address, *feedAt, *next, goprobe.Options{
		Token: os.Getenv("LIVE_TOKEN"), HeartbeatInterval: *interval, HeartbeatWindow: *window, HeartbeatDir: *directory,
	}); err != nil {
		log.Fatal(err)
	}
}

func run(address, feedAt, next string, options goprobe.Options) error {
	probe, err := goprobe.Start(context.Background(), options)
	if err != nil {
		return err
	}
	if err := boot.Begin(probe); err != nil {
		return err
	}
	book := orders.NewBook()
	if err := probe.RegisterState("orders", orders.Version, orders.Codec(book)); err != nil {
		return err
	}
	long, err := feed.Register(probe, book)
	if err != nil {
		return err
	}
	var feedListener net.Listener
	if feedAt != "" {
		if feedListener, err = probe.Listen("tcp", feedAt); err != nil {
			return err
		}
	}
	listener, err := faults.Listen(probe, address)
	if err != nil {
		return err
	}
	if err := probe.Ready(); err != nil {
		return err
	}
	probe.Track("price tables", native.Open)
	fault, err := faults.Begin()
	if err != nil {
		return err
	}
	probe.OnReload(syscall.SIGUSR2, func() {
		if fault.ExecsUnprepared() {
			log.Print(faults.ExecUnprepared(next))
			return
		}
		notify.Reloading()
		log.Print(probe.Upgrade(context.Background(), goprobe.UpgradeOptions{Path: next, TrialTimeout: 5 * time.Second}))
		notify.Ready() // the new image says so itself; this one serves on
	})
	if fault.Deafens() {
		signal.Ignore(syscall.SIGUSR2)
	}
	image := probe.Image()
	if feedListener != nil {
		log.Printf("feed on %s", feedListener.Addr())
		go func() { log.Print(long.Serve(feedListener)) }()
	}
	log.Printf("pid %d generation %d listening on %s", os.Getpid(), image.Generation, listener.Addr())
	notify.Ready()
	server := &http.Server{Handler: routes(probe, book), ReadHeaderTimeout: 5 * time.Second}
	return probe.Serve(listener, server)
}

func routes(probe *goprobe.Probe, book *orders.Book) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/debug/", probe.Handler())
	mux.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			answer(w, http.StatusOK, book.Summary())
		case http.MethodPost:
			var lines []orders.Line
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&lines); err != nil {
				answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
				return
			}
			answer(w, http.StatusCreated, book.Add(lines, price(lines)))
		default:
			answer(w, http.StatusMethodNotAllowed, map[string]string{"error": "GET or POST"})
		}
	})
	return counts.Handle(mux)
}

// price sums up the lines in C.
func price(lines []orders.Line) int64 {
	table := native.NewTable()
	defer table.Close()
	for _, line := range lines {
		table.Add(line.Quantity, line.UnitPrice)
	}
	return table.Total()
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Printf("answer: %v", err)
	}
}
