package goprobe

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"sort"
	"strconv"
	"strings"
	"time"

	"hotgate/goprobe/internal/profile"
)

const (
	profileSeconds        = 60 // at most
	defaultProfileSeconds = 30
	defaultTraceSeconds   = 1
	maxTraceSeconds       = 5
	maxProfileBytes       = 64 << 20
)

// pprof answers like net/http/pprof, which is not imported because it registers its handlers on the default mux. All is
// recorded before anything is sent: a slow client holds neither the profiler nor a place.
func (p *Probe) pprof(r *http.Request, name string) reply {
	switch name {
	case "":
		return p.profileNames()
	case "profile":
		return p.cpuProfile(r)
	case "trace":
		return p.executionTrace(r)
	}
	if !p.guard.Enter() {
		return busy()
	}
	defer p.guard.Leave()
	profile := pprof.Lookup(name)
	if profile == nil {
		return notFound()
	}
	query := r.URL.Query()
	debug, ok1 := numberOf(query, "debug", 0, 2)
	gc, ok2 := numberOf(query, "gc", 0, 1)
	if !ok1 || !ok2 {
		return badQuery()
	}
	if !p.dumps.Begin() {
		return refuse(http.StatusTooManyRequests, "too_many_requests", "the last profile was taken just now",
			"wait 20 times as long as it took", true)
	}
	begun := time.Now()
	defer func() { p.dumps.End(time.Since(begun)) }()
	if name == "heap" && gc > 0 {
		runtime.GC()
	}
	out := &bounded{limit: maxProfileBytes}
	if err := profile.WriteTo(out, debug); err != nil {
		return refuse(http.StatusServiceUnavailable, "unavailable", "the profile is too large", "", false)
	}
	if debug > 0 {
		return reply{status: http.StatusOK, kind: "text/plain; charset=utf-8", body: out.Bytes()}
	}
	return profileReply(out.Bytes(), name)
}

func (p *Probe) profileNames() reply {
	names := []string{"profile", "trace"}
	for _, profile := range pprof.Profiles() {
		names = append(names, profile.Name())
	}
	sort.Strings(names)
	return reply{status: http.StatusOK, kind: "text/plain; charset=utf-8", body: []byte(strings.Join(names, "\n") + "\n")}
}

func (p *Probe) cpuProfile(r *http.Request) reply {
	seconds, ok := numberOf(r.URL.Query(), "seconds", 1, profileSeconds)
	if !ok {
		return badQuery()
	}
	if seconds == 0 {
		seconds = defaultProfileSeconds
	}
	if p.updating() {
		return unavailable()
	}
	out := &bounded{limit: maxProfileBytes}
	if err := p.profiler.Start(profile.OwnerEndpoint, out); err != nil {
		return profilerBusy()
	}
	p.record(r.Context(), time.Duration(seconds)*time.Second)
	p.profiler.Stop(profile.OwnerEndpoint)
	if out.full {
		return refuse(http.StatusServiceUnavailable, "unavailable", "the profile is too large", "", false)
	}
	return profileReply(out.Bytes(), "profile")
}

func (p *Probe) executionTrace(r *http.Request) reply {
	seconds, ok := numberOf(r.URL.Query(), "seconds", 1, maxTraceSeconds)
	if !ok {
		return badQuery()
	}
	if seconds == 0 {
		seconds = defaultTraceSeconds
	}
	if p.updating() {
		return unavailable()
	}
	out := &bounded{limit: maxProfileBytes}
	if err := trace.Start(out); err != nil {
		return profilerBusy()
	}
	p.record(r.Context(), time.Duration(seconds)*time.Second)
	trace.Stop()
	return profileReply(out.Bytes(), "trace")
}

// record waits for the end of a recording: its time, the client's going away, an update, or Stop.
func (p *Probe) record(ctx context.Context, length time.Duration) {
	deadline := time.NewTimer(length)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-deadline.C:
			return
		case <-ctx.Done():
			return
		case <-p.done:
			return
		case <-tick.C:
			if p.updating() {
				return
			}
		}
	}
}

func (p *Probe) updating() bool {
	return p.stopped.Load() || p.update.is(stateDraining) || p.update.is(statePreparing) || p.update.is(statePrepared)
}

func profileReply(body []byte, name string) reply {
	return reply{status: http.StatusOK, kind: "application/octet-stream", body: body, headers: map[string]string{
		"Content-Disposition": `attachment; filename="` + strings.Map(printable, name) + `"`,
	}}
}

func printable(r rune) rune {
	if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') || r == '-' || r == '_' {
		return r
	}
	return '_'
}

// numberOf reads a number of the query, which is 0 when it is not there, and otherwise has to be within bounds.
func numberOf(query url.Values, name string, least, most int) (int, bool) {
	text := query.Get(name)
	if text == "" {
		return 0, true
	}
	number, err := strconv.Atoi(text)
	return number, err == nil && number >= least && number <= most
}

func badQuery() reply {
	return refuse(http.StatusBadRequest, "bad_request", "a number in the query is not one, or out of its bounds",
		"see limits in "+prefix+"status", false)
}

func profilerBusy() reply {
	return refuse(http.StatusConflict, "profiler_busy", "a profile or trace is being taken already", "wait for its end", true)
}

func unavailable() reply {
	return refuse(http.StatusServiceUnavailable, "unavailable", "an update is under way", "", true)
}

// bounded keeps what is written to it up to a limit.
type bounded struct {
	bytes.Buffer
	limit int
	full  bool
}

func (b *bounded) Write(data []byte) (int, error) {
	if b.Len()+len(data) > b.limit {
		b.full = true
		return 0, errTooLarge
	}
	return b.Buffer.Write(data)
}
