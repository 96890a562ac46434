// Package orders keeps orders in memory.
package orders

import "sync"

// Line is one position of an order.
type Line struct {
	Quantity  int64 `json:"quantity"`
	UnitPrice int64 `json:"unit_price"`
}

// Order is a priced order.
type Order struct {
	ID    int64  `json:"id"`
	Lines []Line `json:"lines"`
	Total int64  `json:"total"`
}

// Summary is how many orders there are, and what they are worth.
type Summary struct {
	Orders int   `json:"orders"`
	Total  int64 `json:"total"`
}

// Book holds all orders. Its methods may be called from any goroutine.
type Book struct {
	mu     sync.Mutex
	list   []Order
	total  int64 // of the first `summed` orders
	summed int
}

// NewBook makes an empty book.
func NewBook() *Book { return &Book{} }

// Add numbers an order and keeps it.
func (b *Book) Add(lines []Line, total int64) Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	order := Order{ID: int64(len(b.list)) + 1, Lines: lines, Total: total}
	b.list = append(b.list, order)
	return order
}

// Summary sums up; the running total spares going through all orders.
func (b *Book) Summary() Summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; b.summed < len(b.list); b.summed++ {
		b.total += b.list[b.summed].Total
	}
	return Summary{Orders: len(b.list), Total: b.total}
}
