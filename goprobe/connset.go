package goprobe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/handover"
)

// partingPatience is how long connections that are closed anyway may take to come to the end of their message.
const partingPatience = time.Second

// connSet are all connections that were given to the probe.
type connSet struct {
	logger *slog.Logger

	mu        sync.Mutex
	kinds     []*connKind
	list      map[*Conn]struct{}
	accepting map[*Listener]int // accept loops
	running   [3]int            // calls of Serve, by fate
	freezes   uint64
	frozen    bool
	sealed    bool
	due       chan struct{} // closed while an update is due
	thawed    chan struct{} // closed unless one is
	changed   chan struct{} // closed at the next change of running
	idle      atomic.Bool   // every loop has stopped; read by those that write, under their own locks
	stoppedAt int64

	offered []offeredConns
	last    *LastHandover
}

func (s *connSet) init(logger *slog.Logger) {
	s.logger = logger
	s.list, s.accepting = map[*Conn]struct{}{}, map[*Listener]int{}
	s.due, s.thawed, s.changed = make(chan struct{}), make(chan struct{}), make(chan struct{})
	close(s.thawed)
}

func (s *connSet) dueChannel() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.due
}

func (s *connSet) thawedChannel() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.thawed
}

func (s *connSet) dueSince(began uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.freezes != began
}

func (s *connSet) stopped() bool { return s.idle.Load() }

func (s *connSet) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// add takes a connection in. What is handed over is fixed once the set is sealed.
func (s *connSet) add(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.sealed {
		thawed := s.thawed
		s.mu.Unlock()
		<-thawed
		s.mu.Lock()
	}
	s.list[c] = struct{}{}
	s.count(c, 1)
	if s.frozen {
		c.freeze()
	}
}

func (s *connSet) count(c *Conn, by int) {
	c.kind.counts[c.fate] += by
	if c.kind.addresses[c.address] += by; c.kind.addresses[c.address] == 0 {
		delete(c.kind.addresses, c.address)
	}
}

// begin waits until the connection may be served.
func (s *connSet) begin(c *Conn) bool {
	s.mu.Lock()
	for s.frozen {
		thawed := s.thawed
		s.mu.Unlock()
		<-thawed
		s.mu.Lock()
	}
	_, open := s.list[c]
	if open {
		s.running[c.fate]++
		c.began = s.freezes
	}
	s.mu.Unlock()
	if open {
		c.fresh()
	}
	return open
}

func (s *connSet) end(c *Conn, stays bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[c.fate]--
	if !stays {
		s.remove(c)
	}
	if s.frozen && (s.running[c.fate] == 0 || c.fate != fateKept) {
		s.change()
	}
}

func (s *connSet) remove(c *Conn) {
	if _, ok := s.list[c]; ok {
		delete(s.list, c)
		s.count(c, -1)
	}
}

func (s *connSet) all() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Conn, 0, len(s.list))
	for c := range s.list {
		all = append(all, c)
	}
	return all
}

// accepts counts the loops that accept from a listener for Serve.
func (s *connSet) accepts(l *Listener, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accepting[l] += by; s.accepting[l] == 0 {
		delete(s.accepting, l)
	} else if s.frozen {
		l.pause()
	}
	if s.frozen {
		s.change()
	}
}

// acceptsFrom tells whether Serve accepts from a listener.
func (s *connSet) acceptsFrom(l *Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepting[l] > 0
}

// open is how many connections there are.
func (s *connSet) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.list)
}

// freeze stops every loop between two messages, and the accept loops, or gives why it could not until the context ends.
func (s *connSet) freeze(ctx context.Context) []Reason {
	s.mu.Lock()
	if s.frozen {
		s.mu.Unlock()
		return nil
	}
	s.frozen = true
	s.idle.Store(false)
	s.freezes++
	s.stoppedAt = clock.Monotonic()
	s.thawed = make(chan struct{})
	close(s.due)
	for l := range s.accepting {
		l.pause()
	}
	all := make([]*Conn, 0, len(s.list))
	for c := range s.list {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.freeze()
	}
	parting := time.NewTimer(partingPatience)
	defer parting.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patient := true
	for {
		s.mu.Lock()
		busy, others, accepting := s.running[fateKept], s.running[fateTLS]+s.running[fateOther], 0
		for l, loops := range s.accepting {
			accepting += loops - l.idle()
		}
		if busy == 0 && accepting <= 0 && (others == 0 || !patient) {
			s.idle.Store(true)
			s.mu.Unlock()
			return nil
		}
		changed := s.changed
		s.mu.Unlock()
		var again <-chan time.Time
		if accepting > 0 {
			again = tick.C // a listener does not tell
		}
		select {
		case <-changed:
		case <-again:
		case <-parting.C:
			patient = false
		case <-ctx.Done():
			return s.unstopped()
		}
	}
}

// unstopped says what is still under way.
func (s *connSet) unstopped() []Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	reasons := []Reason{}
	stuck := map[*connKind]int{}
	for c := range s.list {
		c.mu.Lock()
		if c.fate == fateKept && !c.parked {
			stuck[c.kind]++
		}
		c.mu.Unlock()
	}
	for _, k := range s.kinds {
		if n := stuck[k]; n > 0 {
			reasons = append(reasons, Reason{ReasonConnections, k.name,
				fmt.Sprintf("%d of the connections %q did not stop between two messages in time", n, k.name)})
		}
	}
	if len(reasons) == 0 {
		reasons = append(reasons, Reason{ReasonConnections, "", "an accept loop did not stop in time"})
	}
	return reasons
}

// seal fixes what is handed over: nothing is written any more.
func (s *connSet) seal() {
	s.mu.Lock()
	s.sealed = true
	s.mu.Unlock()
	for _, c := range s.all() {
		c.sealed.Store(true)
		c.wmu.Lock() // whoever writes now has soon done so
		c.wmu.Unlock()
	}
}

// thaw lets everything go on in this image.
func (s *connSet) thaw(paused bool) {
	s.mu.Lock()
	if !s.frozen {
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	// Before the loops begin again. What is added meanwhile is thawed below.
	for _, c := range s.all() {
		c.thaw()
	}
	s.mu.Lock()
	for c := range s.list {
		c.mu.Lock()
		c.frozen = false
		c.mu.Unlock()
	}
	s.frozen, s.sealed = false, false
	s.idle.Store(false)
	s.due = make(chan struct{})
	close(s.thawed)
	if !paused {
		for l := range s.accepting {
			l.unpause()
		}
	}
	s.mu.Unlock()
}

// part closes the connections that cannot be handed over. Those of TLS say close_notify.
func (s *connSet) part() {
	var all sync.WaitGroup
	for _, c := range s.all() {
		if c.fate == fateKept {
			continue
		}
		c := c
		all.Add(1)
		go func() {
			defer all.Done()
			_ = c.shut()
		}()
		s.mu.Lock()
		s.remove(c)
		s.mu.Unlock()
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(partingPatience): // a peer that takes nothing
	}
}

// parting tells when the loops stopped, and how many connections are closed because they cannot be handed over.
func (s *connSet) parting() (stoppedAt int64, closed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kinds {
		closed += k.counts[fateTLS] + k.counts[fateOther]
	}
	return s.stoppedAt, closed
}

// kept lists the connections that are handed over, in the order of their kinds.
func (s *connSet) kept() map[*connKind][]*Conn {
	rows := map[*connKind][]*Conn{}
	for _, c := range s.all() {
		if c.fate == fateKept {
			rows[c.kind] = append(rows[c.kind], c)
		}
	}
	return rows
}

// record is what is handed over of a connection that has stopped.
func (c *Conn) record() (handover.Connection, error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.wmu.Lock()
	defer c.wmu.Unlock()
	r := handover.Connection{Read: c.buf[c.start:], Unsent: c.unsent}
	session, err := c.kind.encode(c.session)
	if err != nil {
		return r, err
	}
	r.Session = session
	err = c.raw.Control(func(fd uintptr) {
		r.FD = int(fd)
		var info syscall.Stat_t
		if syscall.Fstat(r.FD, &info) == nil {
			r.Inode = info.Ino
		}
	})
	return r, err
}

// sources lists what is handed over: the connections that have stopped, or only their kinds for a trial while they go on.
func (s *connSet) sources(stopped bool, fds *[]int) []handover.Source {
	if stopped {
		s.seal()
	}
	rows := s.kept()
	sources := []handover.Source{}
	s.mu.Lock()
	kinds := append([]*connKind(nil), s.kinds...)
	s.mu.Unlock()
	for _, k := range kinds {
		k := k
		source := handover.Source{
			State: handover.State{
				Name: k.name, Version: k.version, Type: k.typeName, Fingerprint: k.fingerprint, Codec: k.codec,
			},
			Open: len(rows[k]), Connections: true,
		}
		source.Encode = encodeNothing
		if stopped {
			source.Records = len(rows[k])
			source.Encode = func(w io.Writer) error { return encodeConns(w, rows[k], fds) }
		}
		sources = append(sources, source)
	}
	return sources
}

func encodeNothing(io.Writer) error { return nil }

func encodeConns(w io.Writer, rows []*Conn, fds *[]int) error {
	for _, c := range rows {
		r, err := c.record()
		if err == nil {
			err = handover.WriteConnection(w, r)
		}
		if err != nil {
			return fmt.Errorf("the connection from %s: %w", bounds.Cut(c.RemoteAddr().String()), err)
		}
		*fds = append(*fds, r.FD)
	}
	return nil
}

// wire says what the status says of them.
func (s *connSet) wire() Connections {
	s.mu.Lock()
	defer s.mu.Unlock()
	facts := Connections{Last: s.last}
	rows := []ConnRow{}
	for _, k := range s.kinds {
		facts.Kept += k.counts[fateKept]
		facts.TLS += k.counts[fateTLS]
		facts.NotKept += k.counts[fateOther]
		accepts, _ := bounds.Head(k.versions())
		row := ConnRow{
			Name: bounds.Cut(k.name), Version: k.version, Accepts: accepts, Type: k.typeName, Fingerprint: k.fingerprint,
			Codec: bounds.Cut(k.codec), Kept: k.counts[fateKept], TLS: k.counts[fateTLS], NotKept: k.counts[fateOther],
			Restored: k.restored,
		}
		addresses := []AddressRow{}
		for address, count := range k.addresses {
			addresses = append(addresses, AddressRow{Address: bounds.Cut(address), Count: count})
		}
		sort.Slice(addresses, func(i, j int) bool {
			a, b := addresses[i], addresses[j]
			return a.Count > b.Count || (a.Count == b.Count && a.Address < b.Address)
		})
		row.Addresses, row.LeftOutAddresses = bounds.HeadOf(addresses, bounds.MaxAddresses)
		rows = append(rows, row)
	}
	facts.Rows, facts.LeftOut = bounds.Head(rows)
	return facts
}

// addressOf is the address of the listener that a connection came in on, or else its own.
func (s *listenerSet) addressOf(local net.Addr) string {
	if local == nil {
		return ""
	}
	for _, l := range s.all() {
		if accepted(l.Addr(), local) {
			return l.Addr().String()
		}
	}
	return local.String()
}

func accepted(listener, local net.Addr) bool {
	switch listener := listener.(type) {
	case *net.TCPAddr:
		own, ok := local.(*net.TCPAddr)
		return ok && own.Port == listener.Port && (listener.IP.IsUnspecified() || listener.IP.Equal(own.IP))
	case *net.UnixAddr:
		own, ok := local.(*net.UnixAddr)
		return ok && own.Name == listener.Name
	}
	return false
}
