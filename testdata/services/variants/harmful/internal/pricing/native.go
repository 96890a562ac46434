package pricing

/*
#include <stdint.h>

static int64_t cents(int64_t units) { return units * 100; }
*/
import "C"

func init() {
	if C.cents(1) != 100 {
		panic("pricing: C arithmetic is broken")
	}
}
