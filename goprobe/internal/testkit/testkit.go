// Package testkit has what the tests of several packages need.
package testkit

import (
	"testing"
	"time"
)

// Patience is what anything may take on a machine that has much else to do; tests wait for events, and not so long.
const Patience = 5 * time.Minute

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if met() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// SkipShort leaves a slow test out where another setting runs it.
func SkipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds")
	}
}
