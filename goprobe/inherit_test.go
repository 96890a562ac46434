package goprobe

import (
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

// A listener that comes under the right name may listen elsewhere: the configuration changed.
func TestAListenerIsClaimedOnlyAtItsAddress(t *testing.T) {
	port := func(l net.Listener) string {
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return port
	}
	folder := t.TempDir()
	for _, c := range []struct {
		name             string
		network, offered string
		wanted, address  string
		want             bool
	}{
		{"the same", "tcp", "127.0.0.1:0", "tcp", "127.0.0.1:PORT", true},
		{"any port", "tcp", "127.0.0.1:0", "tcp", "127.0.0.1:0", true},
		{"any address", "tcp", "127.0.0.1:0", "tcp", "", true},
		{"another port", "tcp", "127.0.0.1:0", "tcp", "127.0.0.1:1", false},
		{"now local only", "tcp", ":0", "tcp", "127.0.0.1:PORT", false},
		{"local only, any port", "tcp", ":0", "tcp", "127.0.0.1:0", false},
		{"now for others", "tcp", "127.0.0.1:0", "tcp", ":PORT", false},
		{"all addresses", "tcp", ":0", "tcp", "0.0.0.0:PORT", true},
		{"another family", "tcp4", "0.0.0.0:0", "tcp6", ":PORT", false},
		{"no address", "tcp", "127.0.0.1:0", "tcp", "nonsense", false},
		{"another network", "tcp", "127.0.0.1:0", "unix", filepath.Join(folder, "other"), false},
		{"the same path", "unix", filepath.Join(folder, "same"), "unix", filepath.Join(folder, "same"), true},
		{"another path", "unix", filepath.Join(folder, "one"), "unix", filepath.Join(folder, "two"), false},
	} {
		try := func(t *testing.T, again int) bool {
			socket, err := net.Listen(c.network, c.offered)
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			p := start(t, quiet)
			p.listeners.offered = []*offeredListener{{name: "http", address: socket.Addr().String(), socket: socket}}
			address := c.address
			if len(address) > 4 && address[len(address)-4:] == "PORT" {
				address = address[:len(address)-4] + port(socket)
			}
			l, err := p.ListenNamed("http", c.wanted, address)
			if errors.Is(err, syscall.EADDRINUSE) && again < 100 {
				return false // another process's connection has that port at another address
			}
			if err == nil {
				defer l.Drop()
				if l.inherited != c.want {
					t.Errorf("%s for %q: inherited %t", socket.Addr(), address, l.inherited)
				}
			} else if c.want || c.address != "nonsense" && c.address != "127.0.0.1:1" { // port 1 may be privileged
				t.Error(err)
			}
			if !c.want && socket.Close() == nil {
				t.Error("the old one is still open")
			}
			if len(p.listeners.offered) != 0 {
				t.Error("it is still offered")
			}
			return true
		}
		t.Run(c.name, func(t *testing.T) {
			for again := 0; !try(t, again); again++ {
			}
		})
	}
}
