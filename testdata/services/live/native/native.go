// Package native prices orders in C. Its tables live on the C heap, and C keeps the last total of each thread in
// thread-local storage.
package native

/*
#include "native.h"
*/
import "C"

import (
	"runtime"
	"sync/atomic"
)

var open atomic.Int64

// Open is how many tables are open: exec would lose them.
func Open() int64 { return open.Load() }

// Table adds up positions.
type Table struct{ c *C.struct_live_table }

// NewTable opens a table, and ties the calling goroutine to its thread until Close: C keeps part of the sum there.
func NewTable() *Table {
	runtime.LockOSThread()
	open.Add(1)
	return &Table{C.live_open()}
}

// Add adds a position.
func (t *Table) Add(quantity, price int64) { C.live_add(t.c, C.int64_t(quantity), C.int64_t(price)) }

// Total is the sum so far.
func (t *Table) Total() int64 { return int64(C.live_total(t.c)) }

// Close frees the table.
func (t *Table) Close() {
	C.live_close(t.c)
	open.Add(-1)
	runtime.UnlockOSThread()
}

// Park keeps the calling thread in C until the process ends.
func Park() { C.live_park() }

// OverwriteCanary writes where it must not: over the probe's canary in C's static storage.
func OverwriteCanary() { C.live_overwrite() }

// Foreign starts a thread and installs a signal handler that Go knows nothing of; it tells whether that went well.
func Foreign() bool { return C.live_foreign() == 0 }
