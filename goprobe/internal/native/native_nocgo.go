//go:build !cgo

package goprobe

const cgoBuilt = false

// native is absent without cgo.
type native struct{}

func startNative() *native          { return nil }
func (*native) stop()               {}
func (*native) canaries() *Canaries { return nil }
func (*native) heap() *CHeap        { return nil }
func (*native) walk() *Walk         { return nil }
func nativeSymbol(uintptr) string   { return "" }
