"""net/http/pprof and expvar, of services without goprobe."""
