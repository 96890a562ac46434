// Package canary has what a canary inside a host is made of, in plain types: which connections NEW gets, what both sides
// count, how the counts are compared, and the link on which connections are passed.
package canary

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
)

const (
	// Drift bounds by how many connections the share may be off, at any moment and whatever the clients do.
	Drift = 20
	// spread is over how many connections from new addresses a difference is made up.
	spread = 64
	// MaxAddresses bounds the addresses that are remembered. Those beyond are told by their hash alone.
	MaxAddresses = 1 << 16
	// v6Bits is what of an IPv6 address stands for a client: a host draws new ones within its network (RFC 8981).
	v6Bits = 64
)

// Chooser decides which connections NEW gets. An address that was seen stays on its side; a new one is put on NEW's side by
// a hash under a random key, with a chance that makes up for what the share is off, and only while NEW has fewer than its
// share. Where few addresses bring most
// connections, that alone cannot hold the share: an address changes its side when the share would be off by more than
// Drift connections, and then stays there until it would be again.
type Chooser struct {
	share float64
	seed  maphash.Seed

	mu       sync.Mutex
	sides    map[netip.Addr]bool // true: NEW
	accepted int64
	passed   int64
	moved    int64
}

// NewChooser draws a key. The share is above 0 and below 1.
func NewChooser(share float64) *Chooser {
	return &Chooser{share: share, seed: maphash.MakeSeed(), sides: map[netip.Addr]bool{}}
}

// Next counts a connection from a client, and tells whether NEW gets it. A client without an address, as at a unix socket,
// is a new one each time.
func (c *Chooser) Next(client netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted++
	missing := c.share*float64(c.accepted) - float64(c.passed) // what NEW has too few
	side := c.side(client, missing)
	if side {
		c.passed++
	}
	return side
}

func (c *Chooser) side(client netip.Addr, missing float64) bool {
	key := keyOf(client)
	side, known := c.sides[key]
	switch {
	case known:
	case !client.IsValid():
		side = missing > 0 && c.draw(key) < c.share+missing/spread
	case len(c.sides) < MaxAddresses:
		side = missing > 0 && c.draw(key) < c.share+missing/spread
		c.sides[key] = side
	default:
		side = c.draw(key) < c.share
	}
	// Without this connection, or with it, the share would be off by more than Drift.
	if (side && missing-1 < -Drift) || (!side && missing > Drift) {
		side = !side
		if known {
			c.sides[key] = side
			c.moved++
		} else if _, kept := c.sides[key]; kept {
			c.sides[key] = side
		}
	}
	return side
}

// Missed says that NEW did not take a connection that Next gave it after all.
func (c *Chooser) Missed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed--
}

// Counts tells how many connections there were, how many of them NEW got, and how often an address changed its side.
func (c *Chooser) Counts() (accepted, passed, moved int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accepted, c.passed, c.moved
}

// draw gives a number in [0, 1) that only the key can tell.
func (c *Chooser) draw(key netip.Addr) float64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	if key.IsValid() {
		bytes := key.As16()
		_, _ = h.Write(bytes[:])
	} else {
		var bytes [8]byte
		for i := range bytes {
			bytes[i] = byte(c.accepted >> (8 * i))
		}
		_, _ = h.Write(bytes[:])
	}
	return math.Ldexp(float64(h.Sum64()>>11), -53)
}

func keyOf(client netip.Addr) netip.Addr {
	client = client.Unmap().WithZone("")
	if client.Is6() {
		if prefix, err := client.Prefix(v6Bits); err == nil {
			return prefix.Addr()
		}
	}
	return client
}
