// Package ledger has closures, maps, interfaces, defer and goroutines around the arithmetic.
package ledger

import (
	"errors"
	"sort"
	"strconv"
	"sync"

	"example.com/ground/internal/pricing"
)

// ErrClosed is returned after Close.
var ErrClosed = errors.New("ledger is closed")

// Journal is what a ledger writes to.
type Journal interface {
	Append(line string)
	Flush(sync bool)
	Len() int
}

// Memory is a Journal.
type Memory struct {
	lines []string
	syncs int
}

// Append keeps the line.
func (m *Memory) Append(line string) { m.lines = append(m.lines, line) }

// Flush forgets all lines.
func (m *Memory) Flush(sync bool) {
	if sync {
		m.syncs++
	}
	m.lines = m.lines[:0]
}

// Len counts lines.
func (m *Memory) Len() int { return len(m.lines) + m.syncs }

// Discard is another Journal.
type Discard struct{ n int }

// Append counts the line.
func (d *Discard) Append(string) { d.n++ }

// Flush forgets the count.
func (d *Discard) Flush(bool) { d.n = 0 }

// Len is what was counted.
func (d *Discard) Len() int { return d.n }

// Key is a map key with its own equality and hash.
type Key struct {
	Region string
	Class  int32
	Gap    int64
}

// Ledger sums orders.
type Ledger struct {
	mu      sync.Mutex
	journal Journal
	sums    map[Key]int64
	closed  bool
}

// New makes a ledger.
func New(j Journal) *Ledger {
	return &Ledger{journal: j, sums: make(map[Key]int64)}
}

// Add books one order.
//
//go:noinline
func (l *Ledger) Add(o *pricing.Order) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("bad order " + strconv.FormatInt(o.ID, 10))
		}
	}()
	if l.closed {
		return ErrClosed
	}
	k := Key{Region: pricing.Region(o.ID), Class: int32(o.Quantity), Gap: o.Unit}
	l.sums[k] += pricing.Total(o) + pricing.Bump(o.ID)
	l.journal.Append(pricing.Currency(o))
	return nil
}

// Report visits every sum; its closures are numbered.
//
//go:noinline
func (l *Ledger) Report(visit func(string, int64)) int {
	less := func(a, b Key) bool {
		if a.Region != b.Region {
			return a.Region < b.Region
		}
		return a.Class < b.Class
	}
	keys := make([]Key, 0, len(l.sums))
	for k := range l.sums {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return less(keys[i], keys[j]) })
	for _, k := range keys {
		visit(k.Region, l.sums[k])
	}
	return len(keys)
}

// Close flushes the journal.
//
//go:noinline
func (l *Ledger) Close() int {
	l.closed = true
	n := l.journal.Len()
	l.journal.Flush(true)
	return n
}

// Spread runs work on other goroutines.
//
//go:noinline
func Spread(orders []*pricing.Order, work func(*pricing.Order) int64) int64 {
	var wg sync.WaitGroup
	results := make(chan int64, len(orders))
	for _, o := range orders {
		wg.Add(1)
		go func(o *pricing.Order) {
			defer wg.Done()
			results <- work(o)
		}(o)
	}
	wg.Wait()
	close(results)
	var sum int64
	for r := range results {
		sum += r
	}
	return sum
}

// Routes keeps functions in a table.
var Routes = map[string]func(int64) int64{
	"settle": pricing.Settle,
	"quote":  pricing.Quote,
}

// Stages keeps functions in a static table.
var Stages = []func(int64) int64{
	pricing.Compass,
	pricing.Adjust,
}

// Staged runs the static table.
//
//go:noinline
func Staged(n int64) int64 {
	for _, stage := range Stages {
		n = stage(n)
	}
	return n
}
