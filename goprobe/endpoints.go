package goprobe

import (
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"hotgate/goprobe/internal/guard"
)

// Handler answers under /debug/hotgate/ and /debug/pprof/; see WIRE.md for what. Mount it at "/debug/". Without a token it
// refuses whatever comes in on an address other than loopback.
func (p *Probe) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.beside != nil {
			if refused := p.guard.Check(r); refused != nil {
				p.send(w, r, refuse(refused.Status, refused.Code, refused.Message, refused.Hint, refused.Retry))
				return
			}
			p.beside.forward(w, r)
			return
		}
		p.send(w, r, p.answer(r))
	})
}

// ServeEndpoints serves the endpoints on an address of their own, such as "127.0.0.1:6060", until Stop, and gives the
// address. It refuses one that other hosts reach unless Options.Token is set. The listener is handed over by Exec.
func (p *Probe) ServeEndpoints(address string) (net.Addr, error) {
	if !p.guard.TokenRequired() {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			return nil, err
		}
		if !tcp.IP.IsLoopback() {
			return nil, &BindError{address}
		}
	}
	listener, err := p.listen("hotgate endpoints", "tcp", address, true)
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler: p.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 8 << 10, ErrorLog: silentLog,
	}
	p.ownMu.Lock()
	p.own = append(p.own, server)
	p.ownMu.Unlock()
	go func() { _ = server.Serve(guard.Limited(listener)) }()
	return listener.Addr(), nil
}

var silentLog = log.New(io.Discard, "", 0)

// serve answers the questions that a canary passes on. They were let in by its guard, and are looked at by ours again.
func (g *guests) serve(p *Probe) {
	server := &http.Server{
		Handler: p.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: silentLog,
	}
	_ = server.Serve(guard.Limited(g))
	_ = server.Close()
}
