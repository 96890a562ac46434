package guard

import (
	"context"
	"testing"
	"time"
)

func TestExpensiveWorkRests(t *testing.T) {
	d := &Duty{}
	if !d.Begin() || d.Begin() {
		t.Fatal("one at a time")
	}
	before := time.Now()
	d.End(200 * time.Millisecond)
	after := time.Now()
	if d.Begin() {
		t.Error("no rest")
	}
	if rest := (dutyShare - 1) * 200 * time.Millisecond; d.rest.Before(before.Add(rest)) || d.rest.After(after.Add(rest)) {
		t.Errorf("it rests for %v", d.rest.Sub(before))
	}
	d.rest = time.Now()
	if !d.Begin() {
		t.Error("it never wakes")
	}
	d.End(time.Hour)
	if rest := time.Until(d.rest); rest > dutyMost {
		t.Errorf("it rests for %v", rest)
	}
}

func TestTheLastAnswerIsGivenWhileItRests(t *testing.T) {
	m := &Memory[string]{}
	made := 0
	gather := func() string {
		made++
		return string(rune('a' + made))
	}
	first, _ := m.Get(context.Background(), gather)
	m.work.rest = time.Now().Add(time.Hour)
	second, ok := m.Get(context.Background(), gather)
	if !ok || made != 1 || second != first {
		t.Errorf("%d made, %q then %q", made, first, second)
	}
	m.work.rest = time.Now()
	if third, ok := m.Get(context.Background(), gather); !ok || made != 2 || third == first {
		t.Errorf("%d made", made)
	}
}

func TestWhoWaitsForAnAnswerGivesUp(t *testing.T) {
	m := &Memory[string]{}
	release, began := make(chan struct{}), make(chan struct{})
	go m.Get(context.Background(), func() string { close(began); <-release; return "" })
	<-began
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, ok := m.Get(ctx, nil); ok {
		t.Error("an answer that is not there")
	}
	close(release)
}
