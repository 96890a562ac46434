// Package testkit has what the tests of several packages need.
package testkit

import (
	"testing"
	"time"
)

// Eventually waits for a condition, for as long as a busy machine may take.
func Eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
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
