// Package feed tells clients on long connections how many orders there are. The connections outlast updates.
package feed

import (
	"fmt"
	"net"

	"example.com/live/orders"
	"hotgate/goprobe"
)

// Session is what a connection's next image has to know.
type Session struct {
	Asked int `json:"asked"`
}

// Feed is the kind of connections.
type Feed struct {
	conns *goprobe.Conns[Session]
}

// Register declares the connections: each line that a client sends is answered by one with its number, the number of orders
// and the generation of the image that answers.
func Register(probe *goprobe.Probe, book *orders.Book) (*Feed, error) {
	conns, err := goprobe.RegisterConns(probe, goprobe.ConnKind[Session]{
		Name: "feed", Version: 1, Framing: goprobe.Lines(1 << 10),
		Serve: func(c *goprobe.Conn, s *Session) error {
			for {
				if _, err := c.ReadMessage(); err != nil {
					return err
				}
				s.Asked++
				_, err := fmt.Fprintf(c, "%d %d %d\n", s.Asked, book.Summary().Orders, probe.Image().Generation)
				if err != nil {
					return err
				}
			}
		},
	})
	return &Feed{conns}, err
}

// Serve accepts connections until the listener is closed.
func (f *Feed) Serve(listener net.Listener) error { return f.conns.Serve(listener, nil) }
