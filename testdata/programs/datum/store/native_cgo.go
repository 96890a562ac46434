//go:build cgo

package store

/*
static long table[4] = {3, 1, 4, 1};
static long calls = 1;
static long twice(long n) { calls++; return 2 * n + table[n & 3] + calls; }
*/
import "C"

func native(n int) int { return int(C.twice(C.long(n))) }
