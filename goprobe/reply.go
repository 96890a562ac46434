package goprobe

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hotgate/goprobe/internal/bounds"
)

const (
	prefix      = "/debug/hotgate/"
	pprofPrefix = "/debug/pprof/"

	answerTimeout = 2 * time.Second
	writeTimeout  = 10 * time.Second
)

// reply is an answer that is whole before its first byte is sent, so that a slow client holds nothing but its own
// connection.
type reply struct {
	status  int
	kind    string // of its content
	body    []byte
	headers map[string]string
}

func (p *Probe) answer(r *http.Request) reply {
	if refused := p.guard.Check(r); refused != nil {
		return refuse(refused.Status, refused.Code, refused.Message, refused.Hint, refused.Retry)
	}
	path := r.URL.Path
	if name, ok := strings.CutPrefix(path, pprofPrefix); ok {
		return p.pprof(r, name)
	}
	name, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return notFound()
	}
	if profile, ok := strings.CutPrefix(name, "pprof/"); ok {
		return p.pprof(r, profile)
	}
	if !p.guard.Enter() {
		return busy()
	}
	defer p.guard.Leave()
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	if number, ok := strings.CutPrefix(name, "heartbeat/"); ok {
		return p.windowReply(number, r.URL.Query().Get("epoch"))
	}
	switch name {
	case "status":
		return jsonReply(http.StatusOK, p.status())
	case "cgo":
		facts, ok := p.cgo.Get(ctx, p.cgoFacts)
		if !ok {
			return refuse(http.StatusGatewayTimeout, "timeout", "the facts could not be had in time", "", false)
		}
		return jsonReply(http.StatusOK, facts)
	case "heartbeat":
		return jsonReply(http.StatusOK, p.beat.wire())
	case "healthz":
		return jsonReply(http.StatusOK, p.health.wire(p))
	}
	return notFound()
}

func (p *Probe) windowReply(number, epoch string) reply {
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return refuse(http.StatusBadRequest, "bad_request", "a window has a number", "see heartbeat for them", false)
	}
	windows := p.beat.windows()
	for i := len(windows) - 1; i >= 0; i-- {
		w := windows[i]
		if w.Seq != seq || w.Bytes == 0 || (epoch != "" && w.Epoch != epoch) {
			continue
		}
		data := w.profile
		if w.path != "" {
			if data, err = bounds.ReadFile(w.path, maxProfile); err != nil {
				break
			}
		}
		return reply{status: http.StatusOK, kind: "application/octet-stream", body: data, headers: map[string]string{
			"X-Hotgate-Seq": strconv.FormatUint(w.Seq, 10), "X-Hotgate-Epoch": w.Epoch,
			"X-Hotgate-Generation": strconv.Itoa(w.Generation),
		}}
	}
	return refuse(http.StatusNotFound, "not_found", "no such window, or it has no profile", "see heartbeat for those there are",
		false)
}

// send writes an answer. The write has a deadline of its own where the server has none.
func (p *Probe) send(w http.ResponseWriter, r *http.Request, a reply) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	for name, value := range a.headers {
		h.Set(name, value)
	}
	control := http.NewResponseController(w)
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	bounded := server == nil || server.WriteTimeout <= 0
	if bounded {
		bounded = control.SetWriteDeadline(time.Now().Add(writeTimeout)) == nil
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body)
	}
	if bounded {
		_ = control.Flush()
		_ = control.SetWriteDeadline(time.Time{})
	}
}

func jsonReply(status int, value any) reply {
	body, err := json.Marshal(value)
	if err != nil { // no answer has a value that cannot be written
		return refuse(http.StatusInternalServerError, "unavailable", "the answer could not be written", "", false)
	}
	return reply{status: status, kind: "application/json", body: append(body, '\n')}
}

// refuse says why a request is not answered, and what next; retry tells that the same one may be answered later.
func refuse(status int, code, message, hint string, retry bool) reply {
	a := jsonReply(status, ErrorAnswer{header("error"), ErrorBody{code, message, hint}})
	a.headers = map[string]string{}
	if retry {
		a.headers["Retry-After"] = "1"
	}
	if status == http.StatusUnauthorized {
		a.headers["WWW-Authenticate"] = `Bearer realm="hotgate"`
	}
	if status == http.StatusMethodNotAllowed {
		a.headers["Allow"] = "GET, HEAD"
	}
	return a
}

func notFound() reply {
	return refuse(http.StatusNotFound, "not_found", "no such path", "try "+prefix+"status", false)
}

func busy() reply {
	return refuse(http.StatusServiceUnavailable, "busy", "too many requests at once", "", true)
}

func header(kind string) Header { return Header{SchemaVersion: SchemaVersion, Kind: kind} }
