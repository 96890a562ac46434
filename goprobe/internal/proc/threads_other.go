//go:build !linux

package proc

// Threads remembers nothing here.
type Threads struct{}

// Sighting has nothing here.
type Sighting struct{}

// Look sees nothing here.
func (*Threads) Look() Sighting { return Sighting{} }

// Facts are unknown here.
func (*Threads) Facts(func() int, bool) ThreadFacts { return ThreadFacts{Rows: []Thread{}} }
