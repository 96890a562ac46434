package goprobe

import (
	"context"
	"testing"
	"time"
)

func TestExpensiveWorkRests(t *testing.T) {
	d := &duty{}
	if !d.begin() || d.begin() {
		t.Fatal("one at a time")
	}
	before := time.Now()
	d.end(200 * time.Millisecond)
	after := time.Now()
	if d.begin() {
		t.Error("no rest")
	}
	if rest := (dutyShare - 1) * 200 * time.Millisecond; d.rest.Before(before.Add(rest)) || d.rest.After(after.Add(rest)) {
		t.Errorf("it rests for %v", d.rest.Sub(before))
	}
	d.rest = time.Now()
	if !d.begin() {
		t.Error("it never wakes")
	}
	d.end(time.Hour)
	if rest := time.Until(d.rest); rest > dutyMost {
		t.Errorf("it rests for %v", rest)
	}
}

func TestTheLastAnswerIsGivenWhileItRests(t *testing.T) {
	m := &cgoMemory{}
	made := 0
	gather := func() Cgo {
		made++
		time.Sleep(20 * time.Millisecond)
		return Cgo{Epoch: string(rune('a' + made))}
	}
	first, _ := m.get(context.Background(), gather)
	second, ok := m.get(context.Background(), gather)
	if !ok || made != 1 || second.Epoch != first.Epoch {
		t.Errorf("%d made, %q then %q", made, first.Epoch, second.Epoch)
	}
	m.work.rest = time.Now()
	if third, ok := m.get(context.Background(), gather); !ok || made != 2 || third.Epoch == first.Epoch {
		t.Errorf("%d made", made)
	}
}

func TestWhoWaitsForAnAnswerGivesUp(t *testing.T) {
	m := &cgoMemory{}
	release, began := make(chan struct{}), make(chan struct{})
	go m.get(context.Background(), func() Cgo { close(began); <-release; return Cgo{} })
	<-began
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, ok := m.get(ctx, nil); ok {
		t.Error("an answer that is not there")
	}
	close(release)
}
