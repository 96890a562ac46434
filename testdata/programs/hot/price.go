package main

//go:noinline
func price() uint64 { return quote(2000) + score(1000) }

//go:noinline
func quote(n int) uint64 { return churn(sink+3, n) }

// score has a twentieth of the CPU time.
//
//go:noinline
func score(n int) uint64 {
	x := sink + 4
	for i := 0; i < n; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		x = x*0x9E3779B97F4A7C15 + 1
		x ^= x >> 31
		x /= 3 | x>>60
	}
	return x
}
