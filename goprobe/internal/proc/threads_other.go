//go:build !linux

package proc

// Threads remembers nothing here.
type Threads struct{}

// Look sees nothing here.
func (*Threads) Look() (never []int, total int, ok bool) { return nil, 0, false }

// Facts are unknown here.
func (*Threads) Facts(int, bool) ThreadFacts { return ThreadFacts{Rows: []Thread{}} }
