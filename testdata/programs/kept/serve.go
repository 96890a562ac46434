package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"hotgate/goprobe"
)

// talk is a connection's session.
type talk struct {
	Lines  int `json:"lines"`
	Pushed int `json:"pushed"`
}

// member is a connection that is pushed to.
type member struct {
	mu sync.Mutex // of the session, which two goroutines count in
	c  *goprobe.Conn
	t  *talk
}

// room pushes to all of its members, from one goroutine.
type room struct {
	mu      sync.Mutex
	members map[*member]struct{}
}

func (r *room) join(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[m] = struct{}{}
}

// leave waits until nothing is pushed any more.
func (r *room) leave(m *member) {
	r.mu.Lock()
	delete(r.members, m)
	r.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.c = nil
}

func (r *room) run(every time.Duration) {
	for {
		r.mu.Lock()
		members := make([]*member, 0, len(r.members))
		for m := range r.members {
			members = append(members, m)
		}
		r.mu.Unlock()
		begun := time.Now()
		for i, m := range members {
			m.mu.Lock()
			if m.c != nil {
				m.t.Pushed++
				_, _ = m.c.Write(append(strconv.AppendInt([]byte("p "), int64(m.t.Pushed), 10), '\n')) // the loop finds out
			}
			m.mu.Unlock()
			if i%64 == 0 { // spread over the time
				time.Sleep(time.Until(begun.Add(every * time.Duration(i) / time.Duration(len(members)))))
			}
		}
		time.Sleep(time.Until(begun.Add(every)))
	}
}

func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	address := flags.String("listen", "127.0.0.1:0", "address of the connections")
	status := flags.String("status", "127.0.0.1:0", "address of the probe")
	push := flags.Duration("push", 2*time.Second, "from one push to the next, on each connection")
	fault := flags.String("fault", os.Getenv("KEPT_FAULT"), "of an image that is not the first: crash, refuse")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	ctx := context.Background()
	p, err := goprobe.Start(ctx, goprobe.Options{
		NoHeartbeat: true, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	codec := goprobe.JSONSession[talk]()
	if *fault != "" && p.Image().Generation > 1 {
		codec.Check(func(t *talk) error {
			if *fault == "crash" && t.Lines > 0 {
				os.Exit(3)
			}
			return errors.New("no session can be read")
		})
	}
	rooms := make([]*room, 8)
	for i := range rooms {
		rooms[i] = &room{members: map[*member]struct{}{}}
	}
	var next uint32
	var mu sync.Mutex
	conns, err := goprobe.RegisterConns(p, goprobe.ConnKind[talk]{
		Name: "talks", Version: 1, Framing: goprobe.Lines(4 << 10), Codec: codec,
		Serve: func(c *goprobe.Conn, t *talk) error {
			mu.Lock()
			next++
			r := rooms[next%uint32(len(rooms))]
			mu.Unlock()
			m := &member{c: c, t: t}
			r.join(m)
			defer r.leave(m)
			for {
				line, err := c.ReadMessage()
				if err != nil {
					return err
				}
				if err := m.answer(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
					return err
				}
			}
		},
	})
	if err != nil {
		return err
	}
	listener, err := p.ListenNamed("talks", "tcp", *address)
	if err != nil {
		return err
	}
	at, err := p.ServeEndpoints(*status)
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil {
		return err
	}
	for _, r := range rooms {
		go r.run(*push)
	}
	p.OnReload(syscall.SIGUSR2, func() { log.Print(p.Upgrade(ctx, goprobe.UpgradeOptions{})) })
	fmt.Printf("%d %s %s\n", p.Image().Generation, listener.Addr(), at)
	return conns.Serve(listener, func(net.Conn) (talk, error) { return talk{}, nil })
}

// answer says what was asked and how often it was asked on this connection; "end" says what was pushed, too.
func (m *member) answer(line []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := append(append([]byte("a "), line...), ' ')
	if bytes.Equal(line, []byte("end")) {
		out = append(strconv.AppendInt(out, int64(m.t.Pushed), 10), ' ')
	} else {
		m.t.Lines++
	}
	out = append(strconv.AppendInt(out, int64(m.t.Lines), 10), '\n')
	_, err := m.c.Write(out)
	return err
}
