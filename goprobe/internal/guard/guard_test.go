package guard

import (
	"testing"
	"time"
)

func TestRequestsAboveTheRateAreTurnedAway(t *testing.T) {
	g := New("")
	at := time.Now()
	for i := 0; i < RequestsBurst; i++ {
		if !g.allow(at) {
			t.Fatalf("request %d of the burst", i)
		}
	}
	if g.allow(at) || !g.allow(at.Add(time.Second/RequestsPerSec+time.Microsecond)) || g.allow(at.Add(time.Second/RequestsPerSec+time.Microsecond)) {
		t.Error("the bucket")
	}
}
