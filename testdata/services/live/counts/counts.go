// Package counts counts requests and failures, for /debug/vars.
package counts

import (
	"expvar"
	"net/http"
)

var (
	requests = expvar.NewInt("requests")
	failures = expvar.NewInt("failures")
)

// Handle serves the paths of mux, and counts what becomes of the requests.
func Handle(mux *http.ServeMux) http.Handler {
	mux.Handle("/debug/vars", expvar.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &status{ResponseWriter: w}
		mux.ServeHTTP(seen, r)
		if _, pattern := mux.Handler(r); pattern != "/orders" {
			return
		}
		requests.Add(1)
		if seen.code >= http.StatusInternalServerError {
			failures.Add(1)
		}
	})
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }
