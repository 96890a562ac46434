// Chained is one component of a shop: it answers with its name and version, and with what the component answered that it calls. SIGUSR2
// makes it try and then execute the program at -next, with its listener. Which component it is, and of which version, is said by
// -ldflags "-X main.component=api -X main.version=1.1.0"; "-X main.fault=third" has it fail one request in three.
package main

import (
	"context"
	"encoding/json"
	"expvar"
	"flag"
	"log"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"hotgate/goprobe"
)

var component, version, fault string

var (
	requests = expvar.NewInt("requests")
	failures = expvar.NewInt("failures")
	turn     atomic.Uint64
)

// step is one component in an answer.
type step struct {
	Component string `json:"component"`
	Version   string `json:"version"`
}

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address to listen on")
	next := flag.String("next", "", "program that SIGUSR2 goes over to; its own path unless set")
	calls := flag.String("calls", "", "URL of the component that is called for every request; none unless set")
	flag.Parse()
	if err := run(*address, *next, *calls); err != nil {
		log.Fatal(err)
	}
}

func run(address, next, calls string) error {
	probe, err := goprobe.Start(context.Background(), goprobe.Options{})
	if err != nil {
		return err
	}
	listener, err := probe.Listen("tcp", address)
	if err != nil {
		return err
	}
	if err := probe.Ready(); err != nil {
		return err
	}
	probe.OnReload(syscall.SIGUSR2, func() {
		log.Print(probe.Upgrade(context.Background(), goprobe.UpgradeOptions{Path: next, TrialTimeout: 20 * time.Second}))
	})
	mux := http.NewServeMux()
	mux.Handle("/debug/", probe.Handler())
	mux.Handle("/debug/vars", expvar.Handler())
	mux.Handle("/", chain{calls: calls, client: &http.Client{Timeout: 20 * time.Second}})
	return probe.Serve(listener, &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second})
}

type chain struct {
	calls  string
	client *http.Client
}

// ServeHTTP counts as failures what is this component's own: an upstream that fails is for its own rules to find.
func (c chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requests.Add(1)
	if fault == "third" && turn.Add(1)%3 == 0 {
		failures.Add(1)
		http.Error(w, "out of luck", http.StatusInternalServerError)
		return
	}
	path := []step{{component, version}}
	if c.calls != "" {
		below, status := c.call(r.Context())
		if status != http.StatusOK {
			http.Error(w, "upstream failed", http.StatusBadGateway)
			return
		}
		path = append(path, below...)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(path)
}

func (c chain) call(ctx context.Context) ([]step, int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.calls, nil)
	if err != nil {
		return nil, http.StatusInternalServerError
	}
	response, err := c.client.Do(request)
	if err != nil {
		log.Print(err)
		return nil, http.StatusBadGateway
	}
	defer response.Body.Close()
	var below []step
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(&below); err != nil {
			return nil, http.StatusBadGateway
		}
	}
	return below, response.StatusCode
}
