package goprobe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// talk is the session of the service under test: what was read and pushed on the connection so far.
type talk struct {
	Lines  int
	Pushed int
	Push   bool
}

// runConns is a service with three kinds of connections: lines over TCP, TLS and a unix socket, and frames.
func runConns(p *Probe, fault string) error {
	next := os.Getenv(serviceVariable)
	codec := JSONSession[talk]()
	version := 1
	switch fault {
	case "conns refuse":
		codec.Check(func(t *talk) error {
			if t.Lines > 0 {
				return errors.New("this talk cannot be")
			}
			return nil
		})
	case "conns crash":
		codec.Check(func(t *talk) error {
			if t.Lines > 0 {
				panic("a session that crashes")
			}
			return nil
		})
	case "conns die":
		codec.Check(func(t *talk) error {
			if t.Lines > 0 {
				os.Exit(3)
			}
			return nil
		})
	case "conns version":
		version = 2
	case "conns migrate":
		version = 2
		codec.Migrate(1, func(data []byte) (t talk, err error) {
			err = json.Unmarshal(data, &t)
			return t, err
		})
	}
	s := &lineServer{probe: p}
	var lines *Conns[talk]
	var err error
	if fault != "conns unregistered" {
		lines, err = RegisterConns(p, ConnKind[talk]{
			Name: "lines", Version: version, Framing: Lines(1 << 20), Serve: s.lines, Codec: codec,
		})
		if err != nil {
			return err
		}
	}
	frames, err := RegisterConns(p, ConnKind[talk]{
		Name: "frames", Version: 1, Framing: LengthPrefixed(4, binary.BigEndian, 1<<20), Serve: s.frames,
	})
	if err != nil {
		return err
	}
	control, err := p.ListenNamed("http", "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	tcp, err := p.ListenNamed("lines", "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	unix, err := p.ListenNamed("unix", "unix", os.Getenv("GOPROBE_TEST_UNIX"))
	if err != nil {
		return err
	}
	framed, err := p.ListenNamed("frames", "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var secure net.Listener
	if folder := os.Getenv("GOPROBE_TEST_TLS"); folder != "" {
		pair, err := tls.LoadX509KeyPair(folder+"/cert.pem", folder+"/key.pem")
		if err != nil {
			return err
		}
		plain, err := p.ListenNamed("tls", "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		secure = tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	if err := p.Ready(); err != nil {
		return err
	}
	p.OnReload(syscall.SIGUSR2, func() {
		o := UpgradeOptions{
			Path: os.Getenv("GOPROBE_TEST_PATH"), TrialTimeout: 20 * time.Second, NoTrial: os.Getenv("GOPROBE_TEST_NOTRIAL") != "",
			Drain: DrainOptions{Announce: 50 * time.Millisecond, Linger: 10 * time.Millisecond},
			Env:   append(os.Environ(), serviceVariable+"="+or(os.Getenv("GOPROBE_TEST_NEXT"), next)),

			Canary: canaryOptions(),
		}
		if os.Getenv("GOPROBE_TEST_EXEC") != "" {
			fmt.Println("upgrade:", p.Exec("", nil, nil))
			return
		}
		fmt.Println("upgrade:", strings.ReplaceAll(p.Upgrade(context.Background(), o).Error(), "\n", " | "))
	})
	addresses := []string{control.Addr().String(), tcp.Addr().String(), framed.Addr().String()}
	if secure != nil {
		addresses = append(addresses, secure.Addr().String())
		go func() { _ = lines.Serve(secure, nil) }()
	}
	if lines != nil {
		go func() { _ = lines.Serve(tcp, func(net.Conn) (talk, error) { return talk{Push: true}, nil }) }()
		go func() { _ = lines.Serve(unix, nil) }()
	}
	go func() { _ = frames.Serve(framed, nil) }()
	word := "ready"
	if p.Canary() {
		word = "canary"
	}
	fmt.Printf(word+" %s %d\n", strings.Join(addresses, ","), p.Image().Generation)
	mux := http.NewServeMux()
	mux.Handle("/debug/", p.Handler())
	return p.Serve(control, &http.Server{Handler: mux})
}

type lineServer struct{ probe *Probe }

// lines answers every line with its number, and pushes lines of its own meanwhile.
func (s *lineServer) lines(c *Conn, t *talk) error {
	var mu sync.Mutex
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for t.Push {
			select {
			case <-quit:
				return
			case <-time.After(3 * time.Millisecond):
			}
			mu.Lock()
			t.Pushed++
			_, err := fmt.Fprintf(c, "push %d\n", t.Pushed)
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	defer func() { close(quit); <-done }()
	for {
		line, err := c.ReadMessage()
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if string(line) == "panic" {
			panic("as it was asked to")
		}
		var size int
		if n, _ := fmt.Sscanf(string(line), "big %d", &size); n == 1 {
			line = bytes.Repeat([]byte("x"), size)
		}
		mu.Lock()
		t.Lines++
		_, err = fmt.Fprintf(c, "%s %d %d\n", line, t.Lines, s.probe.Image().Generation)
		mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// frames sends every frame back, read in two pieces.
func (s *lineServer) frames(c *Conn, t *talk) error {
	for {
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(c, body); err != nil {
			return err
		}
		t.Lines++
		if _, err := c.Write(append(head[:], body...)); err != nil {
			return err
		}
	}
}
