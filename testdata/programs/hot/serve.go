package main

var sink uint64

// serve does the work of one request. Each unit is some 25 ns, and a request has 20,000 of them.
//
//go:noinline
func serve() {
	sink += decode(3000)
	sink += lookup(4000)
	sink += walk(9, 4)
	sink += price()
	sink += encode(3000)
	sink += sum([]uint64{1, 2, 3, 4}, 1000)
	each(1500, func(x uint64) uint64 { return churn(x, 1) })
	sink += flush(2500)
}

// churn is what everything is made of; it is inlined wherever it is called.
func churn(x uint64, n int) uint64 {
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

//go:noinline
func decode(n int) uint64 { return churn(sink, n) }

//go:noinline
func lookup(n int) uint64 { return hash(sink, n) }

func hash(x uint64, n int) uint64 { return churn(x, n) + 1 }

//go:noinline
func encode(n int) uint64 { return churn(sink+1, n) }

//go:noinline
func flush(n int) uint64 { return churn(sink+2, n) }

// walk calls itself twice on every level, and through descend.
//
//go:noinline
func walk(depth, n int) uint64 {
	if depth == 0 {
		return churn(sink, n)
	}
	return walk(depth-1, n) + descend(depth-1, n)
}

//go:noinline
func descend(depth, n int) uint64 { return walk(depth, n) }

//go:noinline
func sum[T ~uint64](values []T, n int) T {
	var total T
	for _, value := range values {
		total += T(churn(uint64(value), n/4))
	}
	return total
}

//go:noinline
func each(n int, do func(uint64) uint64) {
	for i := 0; i < n; i++ {
		sink += do(uint64(i))
	}
}
