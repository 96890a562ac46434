package goprobe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/proc"
)

// canaryRun is a canary as the old image has it.
type canaryRun struct {
	p       *Probe
	o       CanaryOptions
	drain   DrainOptions
	digest  string
	chooser *canary.Chooser
	link    *canary.Link
	command *exec.Cmd
	events  chan struct{} // something may have changed
	gone    chan struct{} // closed when all that NEW said was read, and its process has ended
	said    chan struct{} // closed when NEW said how its start went
	drained chan struct{} // closed when it said that it has drained
	guests  *guests       // connections on which NEW asks the endpoints

	killing sync.Mutex
	reaped  bool // its process has been waited for, and its number may be another's

	mu     sync.Mutex
	status CanaryStatus
	hello  canary.Hello
	wrong  string // what was wrong with what NEW said
	// unreadable are kept connections that NEW could not give back; the listeners that they come from are not shared.
	unreadable string
	shared     map[*Listener]bool     // that NEW listens on, too
	lent       map[uint64]*lent       // that NEW's service has not accepted
	back       givenBack              // kept connections that NEW gives back
	number     uint64                 // of the last connection that was passed
	taken      int64                  // that NEW's service accepted
	report     canary.Report          // the last
	silent     time.Duration          // since it came
	stopping   bool                   // no connection is passed any more
	exit       string                 // how the process ended
	lost       int                    // kept connections that were given back and could not be served
	base       map[bool]canary.Counts // when NEW was ready, by whether it is NEW's
	warm       map[bool]canary.Counts // after the warm-up
	judging    bool
	verdict    verdict
}

// lent is a connection that NEW was given and has not accepted.
type lent struct {
	conn     net.Conn
	listener *Listener
	waited   time.Duration
}

type verdict struct {
	decision     CanaryDecision
	code, reason string
}

// runCanary lets the new image serve beside this one until it is decided what becomes of it; nil means that it is to take
// this one's place. Its process has ended then.
func (p *Probe) runCanary(ctx context.Context, program *program, o UpgradeOptions) error {
	memory, _ := proc.Memory(os.Getpid())
	options, err := o.Canary.filled(memory)
	if err != nil {
		return err
	}
	if !p.update.move(stateCanary, stateServing, stateFailed) {
		return ErrBusy
	}
	run, err := p.startCanary(program, o, options)
	var state *StateError
	if errors.As(err, &state) {
		return err
	} else if err != nil {
		reason := "it could not be started: " + err.Error()
		status := CanaryStatus{State: "ended", Decision: string(CanaryEnd), Code: CanaryNotReady, Reason: reason}
		return &CanaryError{Path: program.path, Status: status}
	}
	patience := o.TrialTimeout
	if patience <= 0 {
		patience = defaultTrialTimeout
	}
	found := run.waitReady(ctx, patience)
	if found.decision == CanaryWait {
		p.options.Logger.Info("canary serves", "path", program.path, "share", options.Share, "pid", run.command.Process.Pid)
		p.listeners.canary.Store(run)
		found = run.watch(ctx)
		p.listeners.canary.Store(nil)
	}
	found = run.end(found)
	status := run.wire()
	if found.decision == CanaryPromote {
		p.options.Logger.Info("canary was good", "path", program.path, "reason", found.reason)
		return nil
	}
	p.options.Logger.Error("canary ended, serving on", "path", program.path, "code", found.code, "reason", found.reason)
	return &CanaryError{Path: program.path, Status: status}
}

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

// startCanary starts the new image beside this one; the caller ends it.
func (p *Probe) startCanary(program *program, o UpgradeOptions, options CanaryOptions) (*canaryRun, error) {
	shared, offered := p.shareable()
	file, handed, err := p.writeHandover(false, offered...)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	link, other, err := canary.Pair()
	if err != nil {
		return nil, err
	}
	defer other.Close()
	run := &canaryRun{
		p: p, o: options, drain: o.Drain.filled(), digest: handover.DigestOf(&handed.manifest), link: link,
		chooser: canary.NewChooser(options.Share), events: make(chan struct{}, 1), gone: make(chan struct{}),
		said: make(chan struct{}), drained: make(chan struct{}), guests: newGuests(),
		shared: map[*Listener]bool{}, lent: map[uint64]*lent{},
		base: map[bool]canary.Counts{}, warm: map[bool]canary.Counts{},
		status: CanaryStatus{
			State: "starting", Decision: string(CanaryWait), Share: options.Share, ForNS: int64(options.For),
			StartedAt: stamp(time.Now()), StartedMonotonicNS: clock.Monotonic(), Path: bounds.Cut(program.path), Rules: []CanaryRule{},
		},
	}
	if err := program.unchanged(); err != nil {
		_ = link.Close()
		return nil, err
	}
	command := exec.Command(program.path)
	if command.Args = o.Argv; command.Args == nil {
		command.Args = os.Args
	}
	environment := o.Env
	if environment == nil {
		environment = os.Environ()
	}
	variable := fmt.Sprintf("%s=1 pid=%d fd=3 canary=4", handover.Variable, os.Getpid())
	command.Env = append(handover.WithVariables(environment, variable, nil), handover.TrialVariable+"=1")
	command.ExtraFiles = []*os.File{file, other}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as in a trial
	if err := command.Start(); err != nil {
		_ = link.Close()
		return nil, err
	}
	proc.TakeFirst(command.Process.Pid)
	run.command, run.status.PID = command, command.Process.Pid
	for _, l := range shared {
		run.shared[l] = false // until NEW says that it listens, too
	}
	p.current.Store(run)
	go run.read()
	go run.guests.serve(p)
	return run, nil
}

// shareable are the listeners whose connections NEW may get.
func (p *Probe) shareable() ([]*Listener, []handover.Listener) {
	list, rows := []*Listener{}, []handover.Listener{}
	for _, l := range p.listeners.all() {
		if l.endpoints || l.isClosed() {
			continue
		}
		list = append(list, l)
		rows = append(rows, handover.Listener{Name: l.name, Network: l.Addr().Network(), Address: l.Addr().String()})
	}
	return list, rows
}

// read takes in what NEW says until its process has ended.
func (r *canaryRun) read() {
	for {
		m, err := r.link.Receive()
		if err != nil {
			break
		}
		if problem := r.take(m); problem != "" {
			r.mu.Lock()
			r.wrong = problem
			r.mu.Unlock()
			break
		}
		r.signal()
	}
	// Whatever ended the link: what a process says that can no longer say it well is not waited for.
	select {
	case <-r.drained:
	default:
		r.kill()
	}
	proc.WaitForEnd(r.command.Process.Pid)
	r.kill() // what it left behind in its group
	r.killing.Lock()
	err := r.command.Wait()
	r.reaped = true
	r.killing.Unlock()
	r.mu.Lock()
	r.exit = "with exit status 0"
	if err != nil {
		r.exit = "with " + err.Error()
	}
	r.mu.Unlock()
	_ = r.link.Close()
	close(r.gone)
	r.signal()
}

func (r *canaryRun) signal() {
	select {
	case r.events <- struct{}{}:
	default:
	}
}

// kill ends the process, and its group. Until Wait has taken it away its number is not given to another.
func (r *canaryRun) kill() {
	r.killing.Lock()
	defer r.killing.Unlock()
	if r.reaped {
		return
	}
	_ = syscall.Kill(-r.command.Process.Pid, syscall.SIGKILL)
}

// take takes one message in, and says what is wrong with it.
func (r *canaryRun) take(m *canary.Message) (problem string) {
	if m.Kind == canary.KindEndpoints {
		r.guests.add(m.File)
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Kind == canary.KindKept || m.Kind == canary.KindKeptConn {
		if err := r.back.take(m); err != nil {
			return err.Error()
		}
		return ""
	}
	if m.File != nil {
		_ = m.File.Close()
	}
	switch m.Kind {
	case canary.KindReady:
		var hello canary.Hello
		if m.Decode(&hello) != nil || hello.Protocol != canary.Protocol {
			return "it said that it is ready in a form that this image does not know"
		}
		if r.status.State != "starting" || r.hello.Protocol != 0 {
			return "it said twice that it is ready"
		}
		r.hello = hello
		r.status.Epoch, r.status.GoBuildID, r.status.GNUBuildID =
			bounds.Cut(hello.Epoch), bounds.Cut(hello.GoBuildID), bounds.Cut(hello.GNUBuildID)
		names := map[string]bool{}
		for _, name := range hello.Listeners {
			names[name] = true
		}
		r.unreadable = r.p.conns.unreadable(hello.Kinds)
		for l := range r.shared {
			r.shared[l] = names[l.name] && (r.unreadable == "" || !r.p.conns.acceptsFrom(l))
		}
		close(r.said)
	case canary.KindTaken, canary.KindRefused:
		one, ok := r.lent[m.Number]
		if !ok {
			return "it accepted a connection that it was not given"
		}
		delete(r.lent, m.Number)
		if m.Kind == canary.KindTaken {
			r.taken++
			_ = one.conn.Close() // NEW has a descriptor of its own
		} else {
			r.giveBack(one)
		}
	case canary.KindReport, canary.KindDrained:
		var report canary.Report
		if m.Decode(&report) != nil || !report.Counts.Valid() || report.Counts.Requests < r.report.Counts.Requests ||
			report.Counts.Failed < r.report.Counts.Failed || report.Open < 0 || report.Cut < 0 || report.Taken < 0 {
			return "its report has counts that cannot be"
		}
		r.report, r.silent = report, 0
		if m.Kind == canary.KindDrained {
			select {
			case <-r.drained:
				return "it drained twice"
			default:
				close(r.drained)
			}
		}
	default:
		return "it sent a message that this image does not know"
	}
	return ""
}

// giveBack lets this image serve a connection that NEW did not accept.
func (r *canaryRun) giveBack(one *lent) {
	r.chooser.Missed()
	r.status.Passing.GivenBack++
	one.listener.giveBack(one.conn)
}

// pass gives a connection that a listener accepted to NEW, or tells that it stays here.
func (r *canaryRun) pass(l *Listener, conn net.Conn) bool {
	raw, ok := conn.(syscall.Conn)
	if !ok || (r.o.Stays != nil && r.o.Stays(conn)) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping || !r.shared[l] || !r.chooser.Next(clientOf(conn)) {
		return false
	}
	if len(r.lent) >= mostCanariesUnseen { // it falls behind: the client need not wait with it
		r.chooser.Missed()
		return false
	}
	r.number++
	number := r.number
	r.lent[number] = &lent{conn: conn, listener: l}
	err := descriptor.On(raw, func(fd uintptr) error {
		return r.link.Send(canary.KindConn, number, []byte(l.name), int(fd))
	})
	if err != nil {
		delete(r.lent, number)
		r.chooser.Missed()
		r.stopping = true // the link is broken, and the reader finds out
		return false
	}
	return true
}

// clientOf is the address that a connection sticks by; none for unix sockets.
func clientOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}

// waitReady waits until NEW serves.
func (r *canaryRun) waitReady(ctx context.Context, patience time.Duration) verdict {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.said:
	case <-r.gone:
		select {
		case <-r.said: // and ended right after
		default:
			r.mu.Lock()
			defer r.mu.Unlock()
			return verdict{CanaryEnd, CanaryNotReady, "it ended " + r.exit + " before it was ready" + orEmpty("; ", r.wrong)}
		}
	case <-timer.C:
		return verdict{CanaryEnd, CanaryNotReady, fmt.Sprintf("it did not get ready within %v", patience)}
	case <-ctx.Done():
		return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: " + ctx.Err().Error()}
	case <-r.p.done:
		return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: the probe was stopped"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	listens := 0
	for _, yes := range r.shared {
		if yes {
			listens++
		}
	}
	switch {
	case r.hello.Error != "":
		return verdict{CanaryEnd, CanaryNotReady, "it cannot serve: " + bounds.Cut(r.hello.Error)}
	case r.hello.Digest != r.digest:
		return verdict{CanaryEnd, CanaryNotReady, "it read another state than was handed over"}
	case listens == 0:
		return verdict{CanaryEnd, CanaryNotReady, "it listens on none of the listeners that are shared" +
			orEmpty(": it could not give back ", r.unreadable)}
	}
	r.base[false], r.base[true] = r.p.meter.Read(), r.report.Counts
	r.status.State, r.status.ReadyMonotonicNS = "running", clock.Monotonic()
	return verdict{decision: CanaryWait}
}

func orEmpty(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// watch waits until something is decided.
func (r *canaryRun) watch(ctx context.Context) verdict {
	begun := time.Now()
	every := judgeEvery
	if _, remote := r.o.Judge.(URLJudge); remote {
		every = time.Second
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	asked, looked := time.Time{}, begun
	warm := false
	for {
		select {
		case <-tick.C:
		case <-r.events:
		case <-ctx.Done():
			return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: " + ctx.Err().Error()}
		case <-r.p.done:
			return verdict{CanaryUndecided, CanaryCalledOff, "it was called off: the probe was stopped"}
		}
		now := time.Now()
		step := min(now.Sub(looked), mostStep)
		looked = now
		if found := r.lifeSigns(step); found.decision != CanaryWait {
			return found
		}
		elapsed := time.Since(begun)
		r.mu.Lock()
		if !warm && elapsed >= r.o.Warmup {
			warm = true
			// Only NEW's: clients that all wait for it would leave nothing to compare with.
			r.warm[false], r.warm[true] = r.base[false], r.report.Counts
		}
		r.status.Over = elapsed >= r.o.For
		decided, judging := r.verdict, r.judging
		ask := !judging && time.Since(asked) >= every
		r.judging = judging || ask
		r.mu.Unlock()
		switch {
		case decided.decision == CanaryPromote, decided.decision == CanaryEnd, decided.decision == CanaryUndecided:
			return decided
		case elapsed >= r.o.For+judgePatience:
			return verdict{CanaryUndecided, CanaryNoDecision, fmt.Sprintf("its judge did not decide within %v after %v%s",
				judgePatience, r.o.For, orEmpty(": ", decided.reason))}
		}
		if ask {
			asked = time.Now()
			go r.ask(ctx)
		}
	}
}

// ask asks the judge once.
func (r *canaryRun) ask(ctx context.Context) {
	now := r.wire()
	found := verdict{decision: CanaryWait}
	var err error
	if own, ok := r.o.Judge.(CountsJudge); ok {
		found.decision, found.code, found.reason = own.decide(now)
	} else {
		err = safely(func() error {
			var err error
			found.decision, found.reason, err = r.o.Judge.Judge(ctx, now)
			return err
		})
		found.code, found.reason = CanaryByJudge, bounds.Cut(found.reason)
		if found.decision == CanaryUndecided {
			found.code = CanaryNoDecision
		}
		if found.reason == "" {
			found.reason = "its judge says " + string(found.decision)
		}
	}
	if err != nil {
		r.p.options.Logger.Warn("the canary's judge failed", "error", err)
		found = verdict{CanaryWait, "", bounds.Cut(err.Error())}
	}
	r.mu.Lock()
	r.verdict, r.judging = found, false
	r.mu.Unlock()
	r.signal()
}

// lifeSigns tells whether NEW has crashed, hangs, or takes too much memory. The step is for how long this image has been
// looking since the last time: a time for which it did not run itself says nothing of NEW.
func (r *canaryRun) lifeSigns(step time.Duration) verdict {
	select {
	case <-r.gone:
		r.mu.Lock()
		defer r.mu.Unlock()
		return verdict{CanaryEnd, CanaryCrashed, "it ended " + r.exit + orEmpty(": ", r.wrong)}
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	hung := func(what string, since time.Duration) verdict {
		return verdict{CanaryEnd, CanaryHung, fmt.Sprintf("it hangs: %s for %v", what, since.Round(time.Millisecond))}
	}
	if r.silent += step; r.silent > r.o.HangTimeout {
		return hung("it has said nothing", r.silent)
	}
	for _, one := range r.lent {
		if one.waited += step; one.waited > r.o.HangTimeout {
			return hung("it has not accepted a connection", one.waited)
		}
	}
	if memory, known := proc.Memory(r.command.Process.Pid); known && r.o.MemoryLimit > 0 && memory > r.o.MemoryLimit {
		return verdict{CanaryEnd, CanaryMemory,
			fmt.Sprintf("it takes %d MiB of memory, more than the %d that it may", memory>>20, r.o.MemoryLimit>>20)}
	}
	return verdict{decision: CanaryWait}
}

// end ends NEW's process, and takes back what it has not accepted. Where it may, NEW drains first.
func (r *canaryRun) end(found verdict) verdict {
	final := r.wire() // before anything changes
	r.mu.Lock()
	r.stopping = true
	r.status = final
	r.status.State, r.status.Decision, r.status.Code, r.status.Reason = "ending", string(found.decision), found.code, found.reason
	if found.decision == CanaryPromote {
		r.status.State = "promoting"
	}
	r.status.DecidedMonotonicNS = clock.Monotonic()
	ready := r.status.ReadyMonotonicNS != 0
	r.mu.Unlock()
	switch found.code {
	case CanaryCrashed, CanaryHung, CanaryMemory, CanaryNotReady:
		ready = false
	}
	if ready {
		r.waitDrained(&found)
	}
	if own, ok := r.o.Judge.(CountsJudge); ok && found.decision == CanaryPromote {
		found = r.judgeAgain(own, found)
	}
	r.kill()
	<-r.gone
	r.mu.Lock()
	r.shared = map[*Listener]bool{}
	for number, one := range r.lent {
		delete(r.lent, number)
		r.giveBack(one)
	}
	lost, err := r.back.adopt(r.p)
	if r.lost = lost; err != nil {
		r.p.options.Logger.Error("kept connections of the canary are lost", "number", lost, "error", err)
	}
	r.status.Code, r.status.Reason, r.status.Decision = found.code, found.reason, string(found.decision)
	r.status.EndedMonotonicNS = clock.Monotonic()
	if found.decision != CanaryPromote {
		r.status.State = "ended"
	}
	r.mu.Unlock()
	r.guests.close()
	r.settle()
	return found
}

// judgeAgain holds what NEW did while it drained against it.
func (r *canaryRun) judgeAgain(judge CountsJudge, found verdict) verdict {
	own := r.p.meter.Read()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.status
	r.measure(&now, own)
	now.Over = false // whether there were enough was judged already
	if decision, code, reason := judge.decide(now); decision == CanaryEnd {
		r.status.Old, r.status.New, r.status.Rules = now.Old, now.New, judge.Rules(now)
		return verdict{decision, code, "while it drained: " + reason}
	}
	return found
}

// waitDrained lets NEW drain, for as long as it may take.
func (r *canaryRun) waitDrained(found *verdict) {
	o := r.drain
	err := r.link.Say(canary.KindDrain, canary.DrainOrder(o))
	patience := time.NewTimer(o.Announce + o.Linger + o.Timeout + o.Graceful + partingPatience)
	defer patience.Stop()
	if err == nil {
		select {
		case <-r.drained:
			return
		case <-r.gone:
			select {
			case <-r.drained:
				return
			default:
			}
			if found.decision == CanaryPromote {
				r.mu.Lock()
				*found = verdict{CanaryEnd, CanaryCrashed, "it was good, and ended " + r.exit + " while it drained" + orEmpty(": ", r.wrong)}
				r.mu.Unlock()
			}
			return
		case <-patience.C:
		case <-r.p.done:
		}
	}
	if found.decision == CanaryPromote {
		*found = verdict{CanaryUndecided, CanaryNotDrained, "it was good, and did not drain in time; what it served then was cut"}
	}
}

// settle waits until the connections that were given back are accepted.
func (r *canaryRun) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), canaryGivenBack)
	defer cancel()
	for _, l := range r.p.listeners.all() {
		for l.hasBack() && !l.isClosed() {
			if wait(ctx, time.Millisecond) != nil {
				return
			}
		}
	}
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

const (
	slowTimes    = 2
	slowQuantile = 0.99
	slowFloor    = 2 * time.Millisecond
	slowRequests = 100 // that tell what is slow

	mostStep = 200 * time.Millisecond // between two looks, that count for a hang
)

// slowFrom is the bucket from which on a request counts as slow, by all that the old image has counted so far; 0 while that is
// too little.
func slowFrom(own canary.Counts) int {
	if own.Requests < slowRequests {
		return 0
	}
	return canary.BucketOf(max(slowTimes*own.Quantile(slowQuantile), slowFloor))
}

// guests are connections on which NEW asks this image's endpoints for its own clients.
type guests struct {
	arrived chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

const mostGuests = 8

func newGuests() *guests {
	return &guests{arrived: make(chan net.Conn, mostGuests), closed: make(chan struct{})}
}

func (g *guests) add(file *os.File) {
	if file == nil {
		return
	}
	conn, err := net.FileConn(file)
	_ = file.Close()
	if err != nil {
		return
	}
	select {
	case g.arrived <- conn:
	default:
		_ = conn.Close()
	}
}

func (g *guests) Accept() (net.Conn, error) {
	select {
	case conn := <-g.arrived:
		return conn, nil
	case <-g.closed:
		return nil, net.ErrClosed
	}
}

func (g *guests) Close() error   { g.close(); return nil }
func (g *guests) close()         { g.once.Do(func() { close(g.closed) }) }
func (g *guests) Addr() net.Addr { return &net.UnixAddr{Name: "canary", Net: "unix"} }
