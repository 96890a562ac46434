package pricing

// Boxed answers with a literal in an interface: code takes the address of a string header, not of the text.
//
//go:noinline
func Boxed(n int64) any {
	if n < 0 {
		panic("negative price")
	}
	return "flat rate"
}

func flat(n int64) int64  { return n + 7 }
func steep(n int64) int64 { return n*7 + 1 }

// Tariff answers with a function that nothing else refers to.
//
//go:noinline
func Tariff(n int64) func(int64) int64 {
	return flat
}

// Table answers from an array literal that is longer than a cache line.
//
//go:noinline
func Table(n int64) string {
	names := [...]string{"north", "south", "east", "west"}
	return names[n&3]
}
