package goprobe

import (
	"sync"
	"time"

	"hotgate/goprobe/internal/bounds"
)

// States of an update, as in Update.
const (
	stateServing   = "serving"
	stateDraining  = "draining"
	statePreparing = "preparing"
	statePrepared  = "prepared"
	stateTrial     = "trial"
	stateCanary    = "canary"
	stateFailed    = "failed"
)

type updateState struct {
	mu      sync.Mutex
	state   string
	at      time.Time
	reasons []Reason
	busy    bool // a call that changes the state is under way
}

func (u *updateState) enter(state string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state, u.at = state, time.Now()
}

// move goes to a state only from one of others.
func (u *updateState) move(to string, from ...string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, state := range from {
		if u.state == state {
			u.state, u.at = to, time.Now()
			return true
		}
	}
	return false
}

func (u *updateState) is(state string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state == state
}

func (u *updateState) refuse(reasons []Reason) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state, u.at, u.reasons = stateFailed, time.Now(), reasons
}

func (u *updateState) claim() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy {
		return false
	}
	u.busy = true
	return true
}

func (u *updateState) release() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.busy = false
}

func (u *updateState) wire() Update {
	u.mu.Lock()
	defer u.mu.Unlock()
	rows := make([]RefusalRow, 0, len(u.reasons))
	for _, r := range u.reasons {
		rows = append(rows, RefusalRow{Code: r.Code, Subject: bounds.Cut(r.Subject), Message: bounds.Cut(r.Message)})
	}
	update := Update{State: u.state, At: stamp(u.at)}
	update.Refused, update.LeftOut = bounds.Head(rows)
	return update
}
