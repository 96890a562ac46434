//go:build cgo

package main

/*
static int hits;
int totals[4] = {1, 2, 3, 4};

static int touch(int by) {
	static long calls = 1;
	hits += by;
	totals[by & 3] += hits;
	return totals[0] + (int)calls++;
}
*/
import "C"

func native() int { return int(C.touch(1)) }
