// Coder is a chat room over WebSockets of github.com/coder/websocket, whose members stay connected over updates.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"syscall"
	"time"

	coder "github.com/coder/websocket"

	"hotgate/goprobe"
	"hotgate/goprobe/websocket"
)

// session is what has to outlast an update.
type session struct {
	websocket.Handshake
	Name string `json:"name"`
	Said int    `json:"said"`
}

// options: only a compression that starts anew with each message can be kept.
var options = &coder.AcceptOptions{CompressionMode: coder.CompressionNoContextTakeover, Subprotocols: []string{"chat"}}

func main() {
	address := flag.String("listen", "127.0.0.1:7002", "address to listen on")
	flag.Parse()
	if err := run(*address); err != nil {
		log.Fatal(err)
	}
}

func run(address string) error {
	ctx := context.Background()
	p, err := goprobe.Start(ctx, goprobe.Options{NoHeartbeat: true})
	if err != nil {
		return err
	}
	members, err := goprobe.RegisterConns(p, goprobe.ConnKind[session]{
		Name: "members", Version: 1, Framing: goprobe.WebSocket(1 << 20), Serve: serve,
	})
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
	p.OnReload(syscall.SIGUSR2, func() { log.Print(p.Upgrade(ctx, goprobe.UpgradeOptions{})) })
	mux := http.NewServeMux()
	mux.Handle("/debug/", p.Handler())
	mux.HandleFunc("/chat", func(w http.ResponseWriter, r *http.Request) {
		conn, unread, agreed, err := websocket.Upgrade(w, r, func(w http.ResponseWriter, r *http.Request) error {
			ws, err := coder.Accept(w, r, options)
			if err == nil {
				err = ws.CloseNow() // ends the library's goroutine; the connection stays open
			}
			return err
		})
		if err != nil {
			log.Print(err)
			return
		}
		if err := members.Keep(conn, unread, session{Handshake: agreed, Name: r.FormValue("name")}); err != nil {
			_ = conn.Close()
			log.Print(err)
		}
	})
	fmt.Printf("generation %d listening on %s\n", p.Image().Generation, listener.Addr())
	return p.Serve(listener, &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second})
}

// serve is the loop of one member. The library's connection is made anew in each image.
func serve(c *goprobe.Conn, s *session) error {
	var ws *coder.Conn
	err := websocket.Open(c, s.Handshake, func(w http.ResponseWriter, r *http.Request) (err error) {
		ws, err = coder.Accept(w, r, options)
		return err
	})
	if err != nil {
		return err
	}
	defer ws.CloseNow()      // without effect on a connection that is handed over
	ws.SetReadLimit(1 << 20) // what is set here is set in each image
	ctx := context.Background()
	for {
		kind, text, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		s.Said++
		if err := ws.Write(ctx, kind, append([]byte(fmt.Sprintf("%s %d: ", s.Name, s.Said)), text...)); err != nil {
			return err
		}
	}
}
