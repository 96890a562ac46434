package goprobe

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/handover"
)

// reportEvery is how often the child says what it has counted.
const reportEvery = 100 * time.Millisecond

// beside is the canary as the new image has it, in the child process.
type beside struct {
	p      *Probe
	link   *canary.Link
	client *http.Client // asks the old image's endpoints
	taken  atomic.Int64

	mu       sync.Mutex
	offered  []handover.Listener
	listener map[string]*passedListener // by the old image's name
	ending   bool
}

func newBeside(p *Probe, from *handover.Received) (*beside, error) {
	link, err := canary.Open(from.Link)
	if err != nil {
		return nil, err
	}
	b := &beside{p: p, link: link, offered: from.Manifest.Listeners, listener: map[string]*passedListener{}}
	b.client = &http.Client{
		Transport: &http.Transport{
			DialContext:     func(context.Context, string, string) (net.Conn, error) { return b.dial() },
			MaxConnsPerHost: mostGuests / 2, MaxIdleConnsPerHost: mostGuests / 2, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b, nil
}

// dial makes a connection to the old image's endpoints.
func (b *beside) dial() (net.Conn, error) {
	conn, other, err := canary.SocketPair()
	if err != nil {
		return nil, err
	}
	defer other.Close()
	if err := b.link.Send(canary.KindEndpoints, 0, nil, int(other.Fd())); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// listen gives the listener that gets the connections which the old image passes, or one that never gets any.
func (b *beside) listen(name, network, address string) *passedListener {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, byName := range []bool{true, false} {
		for i, row := range b.offered {
			at := addressOf(row.Network, row.Address)
			if (byName && row.Name != name) || (!sameAddress(at, network, address, byName) && !(byName && address == "")) {
				continue
			}
			b.offered = append(b.offered[:i:i], b.offered[i+1:]...)
			l := newPassedListener(at)
			b.listener[row.Name] = l
			return l
		}
	}
	return newPassedListener(addressOf(network, address))
}

func addressOf(network, address string) net.Addr {
	if network == "unix" {
		return &net.UnixAddr{Name: address, Net: network}
	}
	if tcp, err := net.ResolveTCPAddr(network, address); err == nil {
		return tcp
	}
	return &net.TCPAddr{}
}

// ready says how the start went, and begins to take connections. An error ends the process.
func (b *beside) ready(err error) {
	own := b.p.image
	hello := canary.Hello{
		Protocol: canary.Protocol, Digest: handover.DigestOf(&b.p.from.Manifest), Epoch: own.Epoch,
		GoBuildID: own.GoBuildID, GNUBuildID: own.GNUBuildID, Listeners: []string{}, Kinds: b.p.conns.kindsOf(),
	}
	b.mu.Lock()
	for name := range b.listener {
		hello.Listeners = append(hello.Listeners, name)
	}
	b.mu.Unlock()
	if err != nil {
		hello.Error = bounds.Cut(err.Error())
	}
	if said := b.link.Say(canary.KindReady, hello); err != nil || said != nil {
		os.Exit(1)
	}
	go b.run()
	go b.reports()
}

// run takes what the old image says, until it is to end. An old image that has gone is an end, too.
func (b *beside) run() {
	o := DrainOptions{}
	for {
		m, err := b.link.Receive()
		if err != nil {
			break
		}
		if m.Kind == canary.KindDrain {
			var order canary.DrainOrder
			if m.Decode(&order) == nil {
				o = DrainOptions(order)
			}
			break
		}
		b.take(m)
	}
	b.end(o)
}

func (b *beside) take(m *canary.Message) {
	if m.Kind != canary.KindConn || m.File == nil {
		return
	}
	conn, err := net.FileConn(m.File) // works on a duplicate
	_ = m.File.Close()
	b.mu.Lock()
	l := b.listener[string(m.Text)]
	b.mu.Unlock()
	if err == nil && l != nil && l.put(passedConn{conn, m.Number, b}) {
		return
	}
	if conn != nil {
		_ = conn.Close()
	}
	_ = b.link.Send(canary.KindRefused, m.Number, nil, -1)
}

// reports says again and again what was counted.
func (b *beside) reports() {
	for {
		b.mu.Lock()
		over := b.ending
		b.mu.Unlock()
		if over || b.link.Say(canary.KindReport, b.report()) != nil {
			return
		}
		b.p.rest(reportEvery)
	}
}

func (b *beside) report() canary.Report {
	taken := b.taken.Load()
	return canary.Report{Counts: b.p.meter.Read(), Open: b.p.connections().Drained + b.p.conns.open(), Taken: taken}
}

// end drains, says so, and ends the process: the old image serves what comes, or executes this program in place.
func (b *beside) end(o DrainOptions) {
	b.mu.Lock()
	listeners := b.listener
	b.mu.Unlock()
	for _, l := range listeners {
		for _, one := range l.refuse() {
			_ = one.Close()
			_ = b.link.Send(canary.KindRefused, one.number, nil, -1)
		}
	}
	if err := b.p.drain(context.Background(), o); err != nil {
		b.p.options.Logger.Warn("the canary could not drain", "error", err)
	}
	closed := b.giveKept()
	b.mu.Lock()
	b.ending = true
	b.mu.Unlock()
	last := b.report()
	last.Open = b.p.connections().Drained
	last.Cut = last.Open + closed
	_ = b.link.Say(canary.KindDrained, last)
	os.Exit(0)
}

// forward answers a request to the endpoints by what the old image says.
func (b *beside) forward(w http.ResponseWriter, r *http.Request) {
	unavailable := func() {
		b.p.send(w, r, refuse(http.StatusServiceUnavailable, "unavailable", "the old image does not answer", "", true))
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, "http://localhost"+r.URL.RequestURI(), nil)
	if err != nil {
		unavailable()
		return
	}
	if token := r.Header.Get("Authorization"); token != "" {
		request.Header.Set("Authorization", token)
	}
	response, err := b.client.Do(request)
	if err != nil {
		unavailable()
		return
	}
	defer response.Body.Close()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

// passedConn is a connection that came from the old image and that the service has not accepted.
type passedConn struct {
	net.Conn
	number uint64
	beside *beside
}

// passedListener accepts what the old image passes.
type passedListener struct {
	address net.Addr
	arrived chan passedConn
	closed  chan struct{}
	once    sync.Once

	mu      sync.Mutex
	refused bool
	late    chan struct{} // closed while the deadline is in the past
}

func newPassedListener(address net.Addr) *passedListener {
	return &passedListener{
		address: address, arrived: make(chan passedConn, mostCanariesUnseen), closed: make(chan struct{}), late: make(chan struct{}),
	}
}

func (l *passedListener) put(conn passedConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return false
	default:
	}
	if l.refused {
		return false
	}
	select {
	case l.arrived <- conn:
		return true
	default:
		return false
	}
}

// refuse ends it, and gives what was not accepted.
func (l *passedListener) refuse() []passedConn {
	l.mu.Lock()
	l.refused = true
	l.mu.Unlock()
	left := []passedConn{}
	for {
		select {
		case conn := <-l.arrived:
			left = append(left, conn)
		default:
			return left
		}
	}
}

// Accept says to the old image that the connection is the service's from now on, before anything of it is read.
func (l *passedListener) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		late := l.late
		l.mu.Unlock()
		select {
		case conn := <-l.arrived:
			conn.beside.taken.Add(1)
			if conn.beside.link.Send(canary.KindTaken, conn.number, nil, -1) != nil {
				_ = conn.Close() // the old image has it still, or has gone
				continue
			}
			return conn.Conn, nil
		case <-l.closed:
			return nil, &net.OpError{Op: "accept", Net: l.address.Network(), Addr: l.address, Err: net.ErrClosed}
		case <-late:
			return nil, &net.OpError{Op: "accept", Net: l.address.Network(), Addr: l.address, Err: os.ErrDeadlineExceeded}
		}
	}
}

func (l *passedListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *passedListener) Addr() net.Addr { return l.address }

// SetDeadline knows two deadlines: none, and one that is over.
func (l *passedListener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.late:
		if t.IsZero() {
			l.late = make(chan struct{})
		}
	default:
		if !t.IsZero() {
			close(l.late)
		}
	}
	return nil
}
