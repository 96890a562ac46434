package goprobe

import (
	"encoding/json"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/handover"
)

// canaryFailed notes that the update failed that a good canary had led to.
func (p *Probe) canaryFailed(err error) {
	run := p.current.Load()
	if run == nil {
		return
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	if run.status.State == "promoting" {
		run.status.State, run.status.Decision, run.status.Code = "ended", string(CanaryUndecided), CanaryNotUpdated
		run.status.Reason = "it was good, and the update failed after it: " + bounds.Cut(err.Error())
	}
}

// canaryStatus is how the last canary of this process stands; nil without one.
func (p *Probe) canaryStatus() *CanaryStatus {
	if run := p.current.Load(); run != nil {
		status := run.wire()
		return &status
	}
	return p.promoted
}

// canaryText is what the next image is told of the canary that led to it.
func (p *Probe) canaryText() json.RawMessage {
	run := p.current.Load()
	if run == nil {
		return nil
	}
	status := run.wire()
	if status.Decision != string(CanaryPromote) {
		return nil
	}
	status.State = "promoted"
	text, err := json.Marshal(status)
	if err != nil {
		return nil
	}
	return text
}

// promotedBy reads what the image before told of the canary that led to this one.
func promotedBy(from *handover.Received) *CanaryStatus {
	if from == nil || len(from.Manifest.Canary) == 0 || !(from.At > 0) {
		return nil
	}
	status := &CanaryStatus{}
	if json.Unmarshal(from.Manifest.Canary, status) != nil || status.State != "promoted" || len(status.Rules) > bounds.MaxRows {
		return nil
	}
	for _, text := range []*string{
		&status.Code, &status.Reason, &status.StartedAt, &status.Path, &status.Epoch, &status.GoBuildID, &status.GNUBuildID,
	} {
		*text = bounds.Cut(*text)
	}
	if status.Rules == nil {
		status.Rules = []CanaryRule{}
	}
	return status
}

// wire says how it stands.
func (r *canaryRun) wire() CanaryStatus {
	own := r.p.meter.Read()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	accepted, passed, moved := r.chooser.Counts()
	s.Passing.Accepted, s.Passing.Passed, s.Passing.Moved = accepted, passed, moved
	s.Passing.Waiting, s.Passing.Open = int64(len(r.lent)), int64(r.report.Open)
	if s.EndedMonotonicNS != 0 {
		// The counts of the end stay as they are, but for NEW's last report.
		s.Passing.Open = 0
		select {
		case <-r.drained:
			s.Passing.Cut = int64(r.report.Cut + r.lost)
		default:
			s.Passing.Cut = r.openAtMost()
		}
		return s
	}
	if s.ReadyMonotonicNS == 0 || s.DecidedMonotonicNS != 0 {
		return s
	}
	r.measure(&s, own)
	j, ok := r.o.Judge.(CountsJudge)
	if !ok {
		j = CountsJudge{}
	}
	s.Rules = j.Rules(s)
	s.Decision, s.Reason = string(CanaryWait), r.verdict.reason
	return s
}

// measure puts the counts of both sides into a status.
func (r *canaryRun) measure(s *CanaryStatus, own canary.Counts) {
	limit := slowFrom(own)
	s.SlowNS = int64(canary.BucketStart(limit))
	s.Old, s.New = r.side(own, false, limit), r.side(r.report.Counts, true, limit)
	accepted, passed, _ := r.chooser.Counts()
	s.Old.Connections, s.New.Connections = accepted-passed, passed
}

// openAtMost bounds the connections that ended with NEW's process: those that were open by its last report, and those
// that it has accepted since.
func (r *canaryRun) openAtMost() int64 {
	return min(r.taken, int64(r.report.Open)+max(0, r.taken-r.report.Taken))
}

// side says what one side counted; slow are requests from a bucket on, unless that is 0.
func (r *canaryRun) side(counts canary.Counts, isNew bool, limit int) CanarySide {
	since := counts.Less(r.base[isNew])
	side := CanarySide{
		Requests: since.Requests, Failed: since.Failed, UnderWay: since.UnderWay,
		P50NS: int64(since.Quantile(0.5)), P99NS: int64(since.Quantile(0.99)),
	}
	if warm, ok := r.warm[isNew]; ok && limit > 0 {
		timed := counts.Less(warm)
		side.Slow, side.Timed = timed.Slower(limit)
	}
	return side
}

// slowFrom is the bucket from which on a request counts as slow, by all that the old image has counted so far; 0 while that is
// too little.
func slowFrom(own canary.Counts) int {
	if own.Requests < slowRequests {
		return 0
	}
	return canary.BucketOf(max(slowTimes*own.Quantile(slowQuantile), slowFloor))
}
