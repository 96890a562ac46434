//go:build !cgo

package native

// Built tells whether there is C in this build.
const Built = false

// Thread is absent without cgo.
type Thread struct{}

// Start starts nothing.
func Start() *Thread { return nil }

// Stop has nothing to end.
func (*Thread) Stop() {}

// Canaries are absent.
func (*Thread) Canaries() *Canaries { return nil }

// Heap is absent.
func (*Thread) Heap() *Heap { return nil }

// Walk is absent.
func (*Thread) Walk() *Walk { return nil }

// Symbol knows no names.
func Symbol(uintptr) string { return "" }
