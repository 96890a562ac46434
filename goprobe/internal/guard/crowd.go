package guard

import (
	"net"
	"sync"
)

// maxConnections bounds the connections of the probe's own server: each holds a descriptor and a goroutine that belong to
// the service.
const maxConnections = 64

// crowd is a listener that closes what comes beyond its places.
type crowd struct {
	net.Listener
	places chan struct{}
}

// Limited bounds how many connections a listener has open at once.
func Limited(l net.Listener) net.Listener {
	return &crowd{Listener: l, places: make(chan struct{}, maxConnections)}
}

func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case c.places <- struct{}{}:
			return &counted{Conn: conn, leave: func() { <-c.places }}, nil
		default:
			_ = conn.Close()
		}
	}
}

type counted struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (c *counted) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
