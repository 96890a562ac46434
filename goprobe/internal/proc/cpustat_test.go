package proc

import "testing"

func TestCPUStat(t *testing.T) {
	if periods, throttled, ok := parseCPUStat("usage_usec 5\nnr_periods 10\nnr_throttled 3\n"); periods != 10 || throttled != 3 || !ok {
		t.Error(periods, throttled, ok)
	}
	for _, text := range []string{"", "usage_usec 5\n", "nr_periods x\nnr_throttled 3\n"} {
		if _, _, ok := parseCPUStat(text); ok {
			t.Errorf("%q", text)
		}
	}
}
