package goprobe

import (
	"context"
	"testing"
)

// withGoroutines keeps that many waiting.
func withGoroutines(b *testing.B, n int) *Probe {
	quit := make(chan struct{})
	for i := 0; i < n; i++ {
		go func() { <-quit }()
	}
	p, err := Start(context.Background(), quiet)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Stop(); close(quit) })
	return p
}

func BenchmarkStatus(b *testing.B) {
	p := withGoroutines(b, 10_000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		jsonReply(200, p.status())
	}
}

func BenchmarkCgo(b *testing.B) {
	p := withGoroutines(b, 10_000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		jsonReply(200, p.cgoFacts())
	}
}
