package goprobe

import (
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/native"
	"hotgate/goprobe/internal/proc"
	"hotgate/goprobe/internal/profile"
	"hotgate/goprobe/internal/signals"
)

// What the internal packages find has types of their own, because they cannot import this one. Here it becomes what is
// answered: types whose fields are the same are converted, so that one that is added to only one of them does not compile.

// each converts rows; the result is never nil.
func each[A, B any](rows []A, convert func(A) B) []B {
	out := make([]B, 0, len(rows))
	for _, row := range rows {
		out = append(out, convert(row))
	}
	return out
}

// profilerFacts says whether a profile runs and whose it is.
func profilerFacts(l *profile.Lock) Profiler {
	facts := Profiler{Owner: l.Current(), Timer: Timer(clock.ProfilingTimer())}
	switch {
	case facts.Owner == profile.OwnerHeartbeat || facts.Owner == profile.OwnerEndpoint:
		facts.Running = true
	case facts.Timer.Armed:
		facts.Running, facts.Owner = true, profile.OwnerOther
	default:
		facts.Owner = profile.OwnerNone
	}
	return facts
}

func signalFacts(masks signals.Masks) Signals {
	return Signals{Known: masks.Known, Ignored: masks.Ignored, Blocked: masks.Blocked}
}

func descriptorFacts(open descriptor.Open) Descriptors {
	return Descriptors{
		Known: open.Known, Open: open.Open, Limit: open.Limit, Scanned: open.Scanned,
		Inheritable: each(open.Inheritable, func(row descriptor.Inheritable) DescriptorRow { return DescriptorRow(row) }),
		LeftOut:     open.LeftOut,
		Listening:   each(open.Listening, func(row descriptor.Listening) ListeningRow { return ListeningRow(row) }),

		LeftOutListening: open.LeftOutListening,
	}
}

func canaryFacts(c *native.Canaries) *Canaries {
	if c == nil {
		return nil
	}
	return &Canaries{
		ThreadID: c.ThreadID, DrawnAt: stamp(c.DrawnAt), ThreadLocal: Canary(c.ThreadLocal), Static: Canary(c.Static),
	}
}

func callFacts(calls native.Calls) CgoCalls {
	return CgoCalls{
		Known: calls.Known, Count: calls.Count, LeftOut: calls.LeftOut, Skipped: calls.Skipped,
		Rows: each(calls.Rows, func(row native.Call) CgoCallRow { return CgoCallRow(row) }),
	}
}

func threadFacts(threads proc.ThreadFacts) ThreadFacts {
	return ThreadFacts{
		Known: threads.Known, Total: threads.Total, Go: threads.Go, Foreign: threads.Foreign, LeftOut: threads.LeftOut,
		Rows: each(threads.Rows, func(row proc.Thread) ThreadRow { return ThreadRow(row) }),
	}
}

func handlerFacts(handlers signals.Handlers) HandlerFacts {
	return HandlerFacts{
		Known: handlers.Known, LeftOut: handlers.LeftOut,
		Rows: each(handlers.Rows, func(row signals.Handler) HandlerRow { return HandlerRow(row) }),
	}
}
