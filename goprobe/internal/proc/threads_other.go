//go:build !linux

package goprobe

type threadMemory struct{}

func (*threadMemory) look() (never []int, total int, ok bool) { return nil, 0, false }
func (*threadMemory) facts(CgoCalls) ThreadFacts              { return ThreadFacts{Rows: []ThreadRow{}} }
