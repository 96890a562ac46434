package pricing

type band struct {
	name  string
	upTo  int64
	share float64
}

// Grid copies a large array literal of numbers, which nothing but the copy says the size of.
//
//go:noinline
func Grid(n int64) int64 {
	grid := [64]int64{
		7, 8, 11, 16, 23, 32, 43, 56, 71, 88, 10, 31, 54, 79, 9, 38,
		69, 102, 40, 77, 19, 60, 103, 51, 98, 50, 101, 57, 15, 72, 34, 95,
		61, 29, 96, 68, 42, 18, 93, 73, 55, 39, 25, 13, 100, 92, 86, 82,
		80, 80, 82, 86, 92, 100, 13, 25, 39, 55, 73, 93, 18, 42, 68, 96,
	}
	grid[n&63] += n
	return grid[(n+1)&63] + grid[n&63]
}

// Band copies an array literal of structs that hold strings.
//
//go:noinline
func Band(n int64) (string, float64) {
	bands := [...]band{
		{"tiny", 10, 0.5}, {"small", 20, 1.5}, {"medium", 40, 2.5},
		{"large", 80, 3.5}, {"huge", 160, 4.5}, {"giant", 320, 5.5},
	}
	b := bands[uint64(n)%6]
	return b.name, b.share
}

// Zone is compiled to a table that is read at an index.
//
//go:noinline
func Zone(n int64) string {
	switch n {
	case 0:
		return "alpha"
	case 1:
		return "bravo"
	case 2:
		return "charlie"
	case 3:
		return "delta"
	case 4:
		return "echo"
	case 5:
		return "foxtrot"
	case 6:
		return "golf"
	case 7:
		return "hotel"
	case 8:
		return "india"
	case 9:
		return "juliett"
	}
	return "nowhere"
}

// Codes fills a map from two arrays, of the keys and of the values.
//
//go:noinline
func Codes() map[string]int64 {
	return map[string]int64{
		"aa": 100, "bh": 101, "co": 102, "dv": 103, "ec": 104, "fj": 105, "gq": 106,
		"hx": 107, "ie": 108, "jl": 109, "ks": 110, "lz": 111, "mg": 112, "nn": 113,
		"ou": 114, "pb": 115, "qi": 116, "rp": 117, "sw": 118, "td": 119, "uk": 120,
		"vr": 121, "wy": 122, "xf": 123, "ym": 124, "zt": 125, "eur": 126, "usd": 127,
	}
}
