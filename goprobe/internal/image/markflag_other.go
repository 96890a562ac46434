//go:build !linux

package goprobe

type markFlag struct{}

func (*markFlag) marking() (marking, known bool) { return false, false }
func findMarkFlag() *markFlag                    { return nil }
