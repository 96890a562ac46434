package goprobe

import (
	"context"
	"fmt"
	"math"
	"net"
	"time"

	"hotgate/goprobe/internal/canary"
)

// CanaryOptions let the new image serve a share of the connections for a while, beside the old one, before it takes its
// place; the zero value lets it not.
//
// The new image runs in a child process. It gets the states as they were when it was started, and of each accepted
// connection that is its own the descriptor, so that clients and what is before them notice nothing. Both images count what
// Measure and Request tell them, in the same time; a judge compares. Then the child drains and ends, and either the update
// goes on, or nothing has happened.
//
//   - The share is of new connections, on every listener of the probe but that of ServeEndpoints. It is off by at most 20
//     connections at any time: 0.2 % of 10,000. Connections that were open before stay where they are.
//   - A client's address stays on its side (of IPv6, the network of 64 bits). Which side is drawn by a random key, anew for
//     each canary. Where few addresses bring most of the connections, such as those of a proxy, exact and sticky exclude
//     each other, and exact wins: an address changes its side when the share would be off by more than 20 connections. Of
//     10,000 connections from one address, at a share of 5 %, some 24 are on another side than the one before; of those
//     from thousands of addresses none. Clients at unix sockets have no address, and each connection is drawn for itself.
//   - A connection that the new image's service has not accepted is still the old image's, which takes it back whenever the
//     child crashes, hangs or ends. What the child has accepted is lost with it, if it crashes or hangs.
//   - The child's memory is bounded by MemoryLimit, and the kernel takes it first when memory is short.
//   - The probe's endpoints are answered by the old image, whichever process a request comes to. What else the service
//     answers of itself, such as expvar, is of either process: see Stays.
//   - Kept connections go back to the old image when the child ends, with their sessions, and with it over the update;
//     those of TLS are closed with close_notify then, as at every update. Sessions that the old image could not read,
//     because their kind, version or codec is another, keep the listeners of Conns.Serve from being shared. Where a handler
//     of another server gives connections to Keep, such as WebSockets, they are closed in that case, and counted in
//     CanaryPassing.Cut.
type CanaryOptions struct {
	// Share is the part of the new connections that the new image gets: 0 for no canary, else from 0.001 to 0.5.
	Share float64
	// For is how long; 1 min unless set, at least 1 s.
	For time.Duration
	// Judge decides; CountsJudge unless set. A child that crashes, hangs, does not get ready, or takes too much memory ends
	// the canary without asking.
	Judge CanaryJudge
	// SharesState declares that both images may serve at once: what a request changes is not kept in the memory of this
	// process, or is brought to both, and no image holds what only one can, such as a lock. Required.
	SharesState bool
	// Stays tells of a connection that it always stays with the old image, such as one of what polls the service's own
	// counters; nil of none. It does not count for the share. The function does not read from the connection.
	Stays func(net.Conn) bool
	// MemoryLimit is how many bytes of memory the child may have resident; twice what this process has, and 64 MiB, unless set.
	MemoryLimit int64
	// Warmup is for how long times are not compared at first; 1 s unless set. Failures always are.
	Warmup time.Duration
	// HangTimeout is after which time without a sign of life, or with a connection that it was given and does not accept,
	// the child is ended; 3 s unless set.
	HangTimeout time.Duration
}

// CanaryDecision is what a judge says.
type CanaryDecision string

// Decisions of a judge.
const (
	CanaryWait    CanaryDecision = "wait"
	CanaryPromote CanaryDecision = "promote" // the update goes on
	CanaryEnd     CanaryDecision = "end"     // the old image serves on: NEW is not good enough
	// CanaryUndecided ends it, too, and says nothing against NEW.
	CanaryUndecided CanaryDecision = "undecided"
)

// CanaryJudge decides what becomes of a canary.
type CanaryJudge interface {
	// Judge is asked several times a second, one call at a time; the context ends with the canary. Once now.Over is true it
	// has 10 s to decide, or the canary ends. An error is said and counts as CanaryWait. The reason is one line.
	Judge(ctx context.Context, now CanaryStatus) (decision CanaryDecision, reason string, err error)
}

// JudgeFunc makes a judge of a function.
type JudgeFunc func(ctx context.Context, now CanaryStatus) (CanaryDecision, string, error)

// Judge calls f.
func (f JudgeFunc) Judge(ctx context.Context, now CanaryStatus) (CanaryDecision, string, error) {
	return f(ctx, now)
}

// What decided, in CanaryStatus.Code and CanaryError.
const (
	CanaryByJudge    = "judge"
	CanaryFailures   = "failures"    // more requests failed than beside
	CanaryLatency    = "latency"     // more requests were slow than beside
	CanaryTooFew     = "too_few"     // too few requests to judge by
	CanaryNoDecision = "no_decision" // the judge said nothing in its time
	CanaryNotReady   = "not_ready"   // it could not be started, or did not get ready in time
	CanaryCrashed    = "crashed"
	CanaryHung       = "hung"
	CanaryMemory     = "memory"
	CanaryNotDrained = "not_drained" // it was to be promoted, and did not end in time
	CanaryNotUpdated = "not_updated" // it was promoted, and the update failed after that
	CanaryCalledOff  = "called_off"  // the context of Upgrade, or the probe, ended
)

// CanaryError is returned by Upgrade when a canary ended without being promoted. The old image serves on.
type CanaryError struct {
	Path   string
	Status CanaryStatus // as it was at the end
}

func (e *CanaryError) Error() string {
	return fmt.Sprintf("goprobe: canary of %s: %s; the old image serves on", e.Path, e.Status.Reason)
}

// Canary tells whether this process serves beside the old image, as its child, until it is judged. Trial is false then: a
// service whose options declare SharesState asks Canary before it does what only one process may do, such as jobs at fixed
// times.
func (p *Probe) Canary() bool { return p.from.IsCanary() }

const (
	canaryFor          = time.Minute
	canaryWarmup       = time.Second
	canaryHang         = 3 * time.Second
	canaryMemory       = 64 << 20
	mostShare          = 0.5
	leastShare         = 0.001
	judgeEvery         = 200 * time.Millisecond
	judgePatience      = 10 * time.Second
	canaryGivenBack    = 5 * time.Second
	mostCanariesUnseen = 32 // connections that NEW may have been given and has not accepted yet
)

func (o CanaryOptions) filled(memory int64) (CanaryOptions, error) {
	if o.For == 0 {
		o.For = canaryFor
	}
	if o.Warmup == 0 {
		o.Warmup = canaryWarmup
	}
	if o.HangTimeout == 0 {
		o.HangTimeout = canaryHang
	}
	if o.Judge == nil {
		o.Judge = CountsJudge{}
	}
	if o.MemoryLimit == 0 && memory > 0 {
		o.MemoryLimit = 2*memory + canaryMemory
	}
	wrong := func(name, problem string) (CanaryOptions, error) {
		return o, &OptionError{"UpgradeOptions.Canary." + name, problem}
	}
	switch {
	case math.IsNaN(o.Share) || o.Share < leastShare || o.Share > mostShare:
		return wrong("Share", fmt.Sprintf("%v is not between %v and %v", o.Share, leastShare, mostShare))
	case o.For < time.Second:
		return wrong("For", fmt.Sprintf("%v is below 1s", o.For))
	case o.Warmup < 0 || o.Warmup >= o.For:
		return wrong("Warmup", fmt.Sprintf("%v is not below For, which is %v", o.Warmup, o.For))
	case o.HangTimeout < 100*time.Millisecond:
		return wrong("HangTimeout", fmt.Sprintf("%v is below 100ms", o.HangTimeout))
	case o.MemoryLimit < 0:
		return wrong("MemoryLimit", "it is negative")
	case !o.SharesState:
		return wrong("SharesState", "two images would serve at once: the service has to declare that they may")
	}
	return o, nil
}

// CountsJudge compares the counts of the two sides as the rollback watch of hotgate compares after with before: the exact
// test of two Poisson counts. It ends the canary as soon as NEW has at least MinCount failures, or slow requests, whose
// share is above Times that of the old image, and that chance would bring about less than once in 10,000. It promotes at the
// end of CanaryOptions.For if both sides have answered MinRequests, also of those whose times count, and is undecided
// otherwise. A good NEW that gets worse while it drains is not promoted either. The zero value works.
//
// A request is slow when it takes twice as long as the 99th percentile of the old image, and at least 2 ms.
type CountsJudge struct {
	MinRequests uint64  // 100 unless set
	MinCount    uint64  // 10 unless set
	Times       float64 // 3 unless set
}

func (j CountsJudge) filled() CountsJudge {
	if j.MinRequests == 0 {
		j.MinRequests = 100
	}
	if j.MinCount == 0 {
		j.MinCount = 10
	}
	if j.Times <= 0 {
		j.Times = 3
	}
	return j
}

// Judge decides by the counts.
func (j CountsJudge) Judge(_ context.Context, now CanaryStatus) (CanaryDecision, string, error) {
	decision, _, reason := j.decide(now)
	return decision, reason, nil
}

// decide is Judge with the code of what decided.
func (j CountsJudge) decide(now CanaryStatus) (decision CanaryDecision, code, reason string) {
	j = j.filled()
	for _, rule := range j.Rules(now) {
		if !rule.Fires {
			continue
		}
		words := "requests failed"
		if rule.Name == CanaryLatency {
			words = fmt.Sprintf("requests took %v or longer", time.Duration(now.SlowNS))
		}
		return CanaryEnd, rule.Name, fmt.Sprintf("%d of %d %s, beside it %d of %d (p = %.2g)",
			rule.Bad, rule.Total, words, rule.BadBeside, rule.TotalBeside, rule.Chance)
	}
	switch {
	case !now.Over:
		return CanaryWait, "", ""
	case min(now.New.Requests, now.New.Timed, now.Old.Requests, now.Old.Timed) < j.MinRequests:
		return CanaryUndecided, CanaryTooFew, fmt.Sprintf("too few requests to judge by: %d (%d since the warm-up), and %d (%d) "+
			"beside it, of %d; wrap the handler with Measure, or give it longer or more",
			now.New.Requests, now.New.Timed, now.Old.Requests, now.Old.Timed, j.MinRequests)
	}
	return CanaryPromote, CanaryByJudge, fmt.Sprintf("%d requests, %d failed, beside it %d, %d failed",
		now.New.Requests, now.New.Failed, now.Old.Requests, now.Old.Failed)
}

// Rules compares the two sides: how often requests failed, and how often they were slow.
func (j CountsJudge) Rules(now CanaryStatus) []CanaryRule {
	j = j.filled()
	rules := []CanaryRule{
		{Name: CanaryFailures, Bad: now.New.Failed, Total: now.New.Requests, BadBeside: now.Old.Failed, TotalBeside: now.Old.Requests},
		{Name: CanaryLatency, Bad: now.New.Slow, Total: now.New.Timed, BadBeside: now.Old.Slow, TotalBeside: now.Old.Timed},
	}
	for i := range rules {
		r := &rules[i]
		r.Fires, r.Chance = canary.Fires(r.Bad, r.Total, r.BadBeside, r.TotalBeside, j.Times, j.MinCount)
	}
	return rules
}
