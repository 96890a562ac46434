package goprobe

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/proc"
)

// lent is a connection that NEW was given and has not accepted.
type lent struct {
	conn     net.Conn
	listener *Listener
	waited   time.Duration
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
