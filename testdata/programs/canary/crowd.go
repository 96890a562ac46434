package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const patience = 30 * time.Second

// connect opens a connection from client i's own address.
func connect(network, address string, i int) (net.Conn, *bufio.Reader, error) {
	dialer := &net.Dialer{Timeout: patience}
	if network == "tcp" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 1+byte(i>>16), byte(i>>8), byte(i))}
	}
	conn, err := dialer.Dial(network, address)
	if err != nil {
		return nil, nil, err
	}
	return conn, bufio.NewReader(conn), nil
}

// ask sends a request by hand, so that nothing tries it again, and tells which side answered.
func ask(conn net.Conn, in *bufio.Reader, last bool) (side string, status int, closes bool, err error) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	connection := "keep-alive"
	if last {
		connection = "close"
	}
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: canary\r\nConnection: %s\r\n\r\n", connection); err != nil {
		return "", 0, true, err
	}
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		return "", 0, true, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", 0, true, err
	}
	return response.Header.Get("X-Side"), response.StatusCode, response.Close, nil
}

// count makes so many connections with a request each, and tells how they fell on the sides.
func count(arguments []string) error {
	flags := flag.NewFlagSet("count", flag.ExitOnError)
	network := flags.String("network", "tcp", "tcp or unix")
	address := flags.String("address", "", "of the service")
	connections := flags.Int("connections", 10_000, "how many")
	addresses := flags.Int("addresses", 10_000, "of clients")
	workers := flags.Int("workers", 8, "connections at the same time")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var mu sync.Mutex
	found := struct {
		Old     int `json:"old"`
		New     int `json:"new"`
		Failed  int `json:"failed"`
		Changes int `json:"changes"` // connections of an address on another side than the one before
	}{}
	sides := map[int]string{}
	next := make(chan int)
	var all sync.WaitGroup
	for w := 0; w < *workers; w++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for client := range next {
				side, status := "", 0
				conn, in, err := connect(*network, *address, client)
				if err == nil {
					side, status, _, err = ask(conn, in, true)
					_ = conn.Close()
				}
				mu.Lock()
				switch {
				case err != nil || status != 200:
					found.Failed++
				case side == "new":
					found.New++
				default:
					found.Old++
				}
				if before := sides[client]; before != "" && before != side {
					found.Changes++
				}
				sides[client] = side
				mu.Unlock()
			}
		}()
	}
	for i := 0; i < *connections; i++ {
		next <- i % *addresses
	}
	close(next)
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(found)
}

// tally is what a crowd has seen.
type tally struct {
	mu          sync.Mutex
	Connections int            `json:"connections"`
	AtNew       int            `json:"at_new"` // connections that NEW answered on
	Requests    int            `json:"requests"`
	Failed      int            `json:"failed"` // no answer, or one from 500 on
	Hurt        int            `json:"hurt"`   // connections with one of those, or with an answer after more than 100 ms
	Slow        int            `json:"slow"`   // answers after more than 100 ms
	First       float64        `json:"first"`  // when the first of those was, in seconds since 1970
	Last        float64        `json:"last"`
	Reasons     map[string]int `json:"reasons"`
}

const slow = 100 * time.Millisecond

func (t *tally) bad() {
	now := float64(time.Now().UnixNano()) / 1e9
	if t.First == 0 {
		t.First = now
	}
	t.Last = now
}

// crowd asks until its standard input ends: a half on connections with one request, a half with some.
func crowd(arguments []string) error {
	flags := flag.NewFlagSet("crowd", flag.ExitOnError)
	address := flags.String("address", "", "of the service")
	addresses := flags.Int("addresses", 2000, "of clients")
	workers := flags.Int("workers", 16, "connections at the same time")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	t := &tally{Reasons: map[string]int{}}
	quit := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(quit) }()
	var all sync.WaitGroup
	for w := 0; w < *workers; w++ {
		random := rand.New(rand.NewSource(int64(w)))
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case <-quit:
					return
				case <-time.After(time.Duration(random.Intn(5)) * time.Millisecond):
				}
				t.connection(*address, random.Intn(*addresses), 1+random.Intn(2)*random.Intn(20), random)
			}
		}()
	}
	all.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return json.NewEncoder(os.Stdout).Encode(t)
}

// connection asks so often on one connection, or until the service ends it in order.
func (t *tally) connection(address string, client, requests int, random *rand.Rand) {
	conn, in, err := connect("tcp", address, client)
	hurt := false
	t.mu.Lock()
	t.Connections++
	t.mu.Unlock()
	if err == nil {
		defer conn.Close()
	}
	for i := 0; i < requests; i++ {
		begun := time.Now()
		side, status, closes := "", 0, true
		if err == nil {
			side, status, closes, err = ask(conn, in, i == requests-1)
		}
		took := time.Since(begun)
		t.mu.Lock()
		t.Requests++
		if i == 0 && side == "new" {
			t.AtNew++
		}
		failed := err != nil || status >= 500
		if failed {
			t.Failed++
			t.Reasons[reason(err, status)]++
		} else if took > slow {
			t.Slow++
		}
		if failed || took > slow {
			t.bad()
			if !hurt {
				hurt = true
				t.Hurt++
			}
		}
		t.mu.Unlock()
		if closes || err != nil {
			return
		}
		time.Sleep(time.Duration(random.Intn(20)) * time.Millisecond)
	}
}

func reason(err error, status int) string {
	var timeout net.Error
	switch {
	case err == nil:
		return fmt.Sprint("status ", status)
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "end"
	}
	var number *os.SyscallError
	if errors.As(err, &number) {
		return number.Err.Error()
	}
	return err.Error()
}
