// Rehearsed is a service that hands over as it should: SIGUSR2 starts the program at its path as a child with the listener and the state, and
// the old image drains once the child has said that it is ready. -ldflags "-X main.fault=NAME" makes one thing wrong; faults.go has
// them all.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	startTimeout = 4 * time.Second
	announce     = time.Second
	linger       = 300 * time.Millisecond
	stateFile    = "state.json"
)

// state is what one image hands to the next, as JSON in a file.
type state struct {
	Form       int   `json:"form"`
	Cents      int64 `json:"cents"`
	Generation int   `json:"generation"`
}

var closing atomic.Bool

func main() {
	listen := flag.String(listenFlag(), "127.0.0.1:0", "address")
	flag.Parse()
	if err := run(*listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address string) error {
	current, err := load()
	if err != nil {
		return err
	}
	listener, err := inherited(address)
	if err != nil {
		return err
	}
	if err := begin(&current); err != nil {
		return err
	}
	server := &http.Server{Handler: routes(current)}
	if pipe := os.Getenv("READY_FD"); pipe != "" {
		if err := ready(pipe); err != nil {
			return err
		}
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(afterReady(listener)) }()
	usr2 := make(chan os.Signal, 1)
	signal.Notify(usr2, syscall.SIGUSR2)
	for {
		select {
		case err := <-served:
			return err
		case <-usr2:
			if err := startNext(listener, current); err != nil {
				fmt.Fprintln(os.Stderr, "update:", err)
				afterFailure()
				continue
			}
			if staysBeside() {
				continue
			}
			return drain(listener, server)
		}
	}
}

func routes(current state) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/debug/pprof/", http.DefaultServeMux)
	mux.HandleFunc("/state", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"cents": current.Cents, "at": time.Now().UnixNano()})
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for number := 0; !closing.Load() && r.Context().Err() == nil; number++ {
			fmt.Fprintf(w, "id: %d\ndata: x\n\n", number)
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20))
		answer(w)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closing.Load() {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
}

// load reads the state that was handed over; a first image begins with 5000 cents.
func load() (state, error) {
	current := state{Form: 1, Cents: 5000}
	data, err := os.ReadFile(stateFile)
	if errors.Is(err, os.ErrNotExist) {
		return current, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &current)
	}
	if err == nil {
		err = accept(&current)
	}
	return current, err
}

func inherited(address string) (net.Listener, error) {
	if os.Getenv("LISTEN_FD") == "" {
		return net.Listen("tcp", address)
	}
	file := os.NewFile(3, "listener")
	defer file.Close()
	return net.FileListener(file)
}

func ready(pipe string) error {
	number, err := strconv.Atoi(pipe)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(number), "ready")
	defer file.Close()
	_, err = file.Write([]byte("ready"))
	return err
}

// startNext starts the program at the path, and returns once it has said that it is ready.
func startNext(listener net.Listener, current state) error {
	if err := mayStart(); err != nil {
		return err
	}
	current.Generation++
	data, err := json.Marshal(current)
	if err != nil {
		return err
	}
	if err := os.WriteFile(stateFile, data, 0o600); err != nil {
		return err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer file.Close()
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reading.Close()
	command := exec.Command(os.Args[0], os.Args[1:]...)
	command.Env = append(os.Environ(), "LISTEN_FD=3", "READY_FD=4")
	command.ExtraFiles = []*os.File{file, writing}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err = command.Start()
	writing.Close()
	if err != nil {
		return err
	}
	go command.Wait()
	reading.SetReadDeadline(time.Now().Add(startTimeout))
	if said, err := io.ReadAll(io.LimitReader(reading, 5)); string(said) != "ready" {
		giveUp(command)
		return fmt.Errorf("the new image did not get ready: %w", errors.Join(err, errors.New("it said nothing")))
	}
	return nil
}

// drain ends this image without a loss: answers say that their connection ends, and whoever comes is served for a while.
func drain(listener net.Listener, server *http.Server) error {
	if drainsBadly(server) {
		return nil
	}
	closing.Store(true)
	listener.Close()
	time.Sleep(announce)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	time.Sleep(linger)
	return err
}
