// Package store keeps orders in memory.
package store

import (
	"sort"
	"sync"
	"time"

	"example.com/orders/internal/pricing"
)

// Order is a priced order.
type Order struct {
	ID      int64          `json:"id"`
	Lines   []pricing.Line `json:"lines"`
	Coupon  string         `json:"coupon"`
	Total   int64          `json:"total"`
	Created time.Time      `json:"created"`
}

// Store holds orders by number.
type Store struct {
	mu     sync.RWMutex
	orders map[int64]Order
	last   int64
}

// New makes an empty store.
func New() *Store { return &Store{orders: make(map[int64]Order)} }

// Add numbers an order and keeps it.
func (s *Store) Add(lines []pricing.Line, total int64) Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	order := Order{ID: s.last, Lines: lines, Total: total, Created: time.Now().UTC()}
	s.orders[order.ID] = order
	return order
}

// Get finds an order.
func (s *Store) Get(id int64) (Order, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	order, ok := s.orders[id]
	return order, ok
}

// Largest lists the n orders with the highest totals.
func (s *Store) Largest(n int) []Order {
	s.mu.RLock()
	all := make([]Order, 0, len(s.orders))
	for _, order := range s.orders {
		all = append(all, order)
	}
	s.mu.RUnlock()
	sort.Slice(all, func(i, j int) bool {
		if all[i].Total != all[j].Total {
			return all[i].Total > all[j].Total
		}
		return all[i].ID < all[j].ID
	})
	if len(all) > n {
		all = all[:n]
	}
	return all
}
