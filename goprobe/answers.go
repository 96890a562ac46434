package goprobe

import (
	"errors"
	"runtime"
	"runtime/metrics"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/guard"
	"hotgate/goprobe/internal/native"
	"hotgate/goprobe/internal/proc"
	"hotgate/goprobe/internal/signals"
)

var errTooLarge = errors.New("too large")

// status gathers what is cheap: nothing in it grows with the number of goroutines.
func (p *Probe) status() Status {
	process := proc.Status()
	answer := Status{
		Header: header("status"), Moment: now(), Image: p.image, Profiler: profilerFacts(&p.profiler),
		Cgo:        CgoSummary{Built: native.Built, Calls: runtime.NumCgoCall()},
		Goroutines: runtime.NumGoroutine(), Threads: proc.ThreadCount(process), GC: p.gcFacts(),
		Signals: signalFacts(signals.ReadMasks(process)), Descriptors: descriptorFacts(descriptor.Find()),
		Update: p.update.wire(), Limits: p.limits(),
	}
	answer.Signals.Reload = p.reload.wire()
	answer.Listeners = p.listeners.wire()
	answer.InFlight = inFlightFacts(p.work.read())
	answer.Resources = resourceFacts(p.resources.read())
	answer.State = p.states.wire()
	answer.Connections = p.connections()
	answer.Canary = p.canaryStatus()
	return answer
}

func (p *Probe) limits() Limits {
	return Limits{
		Rows: bounds.MaxRows, TextBytes: bounds.MaxText, RequestsPerSec: guard.RequestsPerSec, RequestsBurst: guard.RequestsBurst,
		Concurrent: guard.Concurrent, ProfileSeconds: profileSeconds, TokenRequired: p.guard.TokenRequired(),
		AnswerTimeoutMS: answerTimeout.Milliseconds(),
	}
}

func (p *Probe) gcFacts() GC {
	facts := GC{}
	facts.Marking, facts.Known = p.markState.Marking()
	read := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(read)
	for i, to := range []*uint64{&facts.Cycles, &facts.HeapUse} {
		if read[i].Value.Kind() == metrics.KindUint64 {
			*to = read[i].Value.Uint64()
		}
	}
	return facts
}

func (s *listenerSet) wire() Listeners {
	rows := []ListenerRow{}
	for _, l := range s.all() {
		rows = append(rows, ListenerRow{
			Name: bounds.Cut(l.name), Network: l.Addr().Network(), Address: bounds.Cut(l.Addr().String()), FD: l.spare, Inode: l.inode,
			Inherited: l.inherited, Handover: l.spare >= 0,
		})
	}
	facts := Listeners{}
	facts.Rows, facts.LeftOut = bounds.HeadOf(rows, bounds.MaxListeners)
	return facts
}

// connections says what becomes of the connections that the probe knows of.
func (p *Probe) connections() Connections {
	facts := p.conns.wire()
	rows := append(p.servers.wire(), p.graceful.wire()...)
	for _, row := range rows {
		facts.Drained += row.Count
	}
	facts.Servers, facts.LeftOutServers = bounds.Head(rows)
	facts.Packets, facts.LeftOutPackets = bounds.Head(p.packets.wire())
	return facts
}

func (s *serverSet) wire() []ServerRow {
	rows := []ServerRow{}
	for _, one := range s.all() {
		if one.listener != nil {
			rows = append(rows, ServerRow{Kind: "http", Address: bounds.Cut(one.listener.Addr().String()), Count: one.connections()})
		}
	}
	return rows
}

func inFlightFacts(readings []reading) InFlight {
	facts := InFlight{}
	rows := []InFlightRow{}
	for _, r := range bounds.First(readings, reading.over) {
		rows = append(rows, InFlightRow{Name: r.name, Count: r.count, Limit: r.limit, State: r.state, Drained: r.drained})
		if r.state == "ok" {
			facts.Count += r.count
		}
		facts.Over = facts.Over || r.over()
	}
	facts.Rows, facts.LeftOut = bounds.Head(rows)
	return facts
}

func resourceFacts(readings []reading) Resources {
	rows := []ResourceRow{}
	for _, r := range bounds.First(readings, reading.lost) {
		rows = append(rows, ResourceRow{Name: r.name, Count: r.count, Handover: r.handover, State: r.state})
	}
	facts := Resources{}
	facts.Rows, facts.LeftOut = bounds.Head(rows)
	return facts
}

func (s *stateSet) wire() States {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := []StateRow{}
	for _, one := range s.list {
		accepts, _ := bounds.Head(one.versions())
		rows = append(rows, StateRow{
			Name: one.name, Version: one.version, Accepts: accepts, Type: one.typeName, Fingerprint: one.fingerprint,
			Codec: bounds.Cut(one.codec.Name()), Handover: true, Restored: one.restored,
		})
	}
	facts := States{}
	facts.Rows, facts.LeftOut = bounds.Head(rows)
	return facts
}

// cgoFacts gathers what takes longer, because it looks at every goroutine and every thread.
func (p *Probe) cgoFacts() Cgo {
	var calls native.Calls
	threads := p.threads.Facts(func() int {
		if calls = native.FindCalls(); calls.Known {
			return calls.Count
		}
		return -1
	}, native.Built)
	return Cgo{
		Header: header("cgo"), Moment: now(), Epoch: p.image.Epoch, Built: native.Built,
		Canaries: canaryFacts(p.native.Canaries()), Calls: callFacts(calls),
		Threads: threadFacts(threads), Heap: (*CHeap)(p.native.Heap()),
		Handlers: handlerFacts(signals.FindHandlers()), Walk: (*Walk)(p.native.Walk()),
	}
}
