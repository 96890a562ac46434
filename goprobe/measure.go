package goprobe

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"

	"hotgate/goprobe/internal/canary"
)

// Measure counts the requests of a handler: how many there are, how many of them fail, by a status from 500 on or a panic,
// and how long they take. A canary is judged by these counts; requests to the probe itself are not among them. A
// connection that the handler hijacks is a request that has ended well.
//
// Wrap the service's handler once, inside of what changes answers, such as compression:
//
//	server := &http.Server{Handler: p.Measure(mux)}
func (p *Probe) Measure(next http.Handler) http.Handler {
	if next == nil {
		next = http.DefaultServeMux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix) || strings.HasPrefix(r.URL.Path, pprofPrefix) {
			next.ServeHTTP(w, r)
			return
		}
		m := &measured{ResponseWriter: w, request: p.meter.Begin()}
		whole := false
		defer func() { m.request.End(!whole || m.status >= http.StatusInternalServerError) }() // a panic goes on
		next.ServeHTTP(m.shaped(), r)
		whole = true
	})
}

// Request counts a request that is not net/http's, such as a call or a job, from now until done is called, once, with
// whether it failed. A canary is judged by these counts.
func (p *Probe) Request() (done func(failed bool)) { return p.meter.Begin().End }

// measured is an answer whose status is noted.
type measured struct {
	http.ResponseWriter
	status int

	request *canary.Request
}

func (m *measured) WriteHeader(status int) {
	if m.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) { // others may still follow
		m.status = status
	}
	m.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (m *measured) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// shaped gives the writer those of the optional methods that the one below has.
func (m *measured) shaped() http.ResponseWriter {
	flusher, flushes := m.ResponseWriter.(http.Flusher)
	hijacker, hijacks := m.ResponseWriter.(http.Hijacker)
	reader, reads := m.ResponseWriter.(io.ReaderFrom)
	pusher, pushes := m.ResponseWriter.(http.Pusher)
	switch {
	case flushes && hijacks && reads:
		return struct { // HTTP/1
			*measured
			http.Flusher
			http.Hijacker
			io.ReaderFrom
		}{m, flusher, &hijacking{hijacker, m}, reader}
	case flushes && hijacks:
		return struct {
			*measured
			http.Flusher
			http.Hijacker
		}{m, flusher, &hijacking{hijacker, m}}
	case flushes && pushes:
		return struct { // HTTP/2
			*measured
			http.Flusher
			http.Pusher
		}{m, flusher, pusher}
	case flushes:
		return struct {
			*measured
			http.Flusher
		}{m, flusher}
	}
	return m
}

// hijacking notes that a connection was taken over.
type hijacking struct {
	http.Hijacker
	m *measured
}

func (h *hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := h.Hijacker.Hijack()
	if err == nil {
		h.m.request.End(false)
	}
	return conn, buffered, err
}
