// Package store holds the data.
package store

import (
	"embed"
	"fmt"
)

//go:embed files
var Files embed.FS

//go:embed banner.txt
var Banner string

//go:embed logo.bin
var Logo []byte

// Node is a list.
type Node struct {
	Value int
	Next  *Node
}

// Settings is nested.
type Settings struct {
	Port   int
	Host   string
	Limits struct{ Least, Most int32 }
	Strict bool
}

var Scalar = 25
var Rate = 0.5
var Share float32 = 0.25
var Currency = "usd"
var Flag = true
var Table = [...]float64{0.1, 0.2, 0.3}
var Defaults = Settings{Port: 8080, Host: "localhost", Limits: struct{ Least, Most int32 }{1, 10}}
var Chain = &Node{1, &Node{2, &Node{3, nil}}}
var Counts = []int{10, 20, 30}
var Days = []string{"mon", "tue", "wed"}
var Backup = &Defaults
var Other = Settings{Port: 9090}
var Any any = "text"
var Hook = one
var Step = struct {
	Run  func() int
	Size int
}{one, 3}
var Small = map[string]int{"tea": 2}
var ApiToken = "hunter2"
var Silent [4]int64

func one() int { return Silence(native(1)) }

func two() int { return Silence(2) }

// Silence keeps both functions apart.
//
//go:noinline
func Silence(n int) int { Silent[n&3]++; return int(Silent[n&3]) }

// Sum uses everything.
//
//go:noinline
func Sum(n int) string {
	total := float64(Scalar) + Rate + float64(Share) + Table[n%3] + float64(Counts[n%3]) + float64(Hook()) + float64(two())
	for node := Chain; node != nil; node = node.Next {
		total += float64(node.Value)
	}
	if Flag || Defaults.Strict {
		total++
	}
	return fmt.Sprint(total, Step.Run(), Step.Size, Currency, Defaults, Days[n%3], Backup.Port, Other, Any, Small, len(ApiToken), Banner, len(Logo), Logo)
}
