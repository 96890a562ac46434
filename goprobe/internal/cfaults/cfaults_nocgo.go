//go:build !cgo

// Package cfaults does in C what a service's libraries may do, so that tests can see whether the probe finds it.
package cfaults

// Built tells whether there is C in this build.
const Built = false

func Overwrite(int)    {}
func OverwriteThread() {}
func Handle() bool     { return false }
func Unhandle()        {}
func Spawn() bool      { return false }
func Join()            {}
func Park(int)         {}
func Back(f func())    { f() }
