package goprobe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// canaryOptions are those that the variable has as JSON.
func canaryOptions() CanaryOptions {
	o := struct {
		CanaryOptions
		Times, MinRequests, MinCount int
		URL                          string
	}{}
	text := os.Getenv("GOPROBE_TEST_CANARY")
	if text == "" {
		return o.CanaryOptions
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	o.Judge = CountsJudge{MinRequests: uint64(o.MinRequests), MinCount: uint64(o.MinCount), Times: float64(o.Times)}
	if o.URL != "" {
		o.Judge = URLJudge{URL: o.URL, Token: "the token of the judge"}
	}
	return o.CanaryOptions
}

// misbehave makes a canary one that is wrong.
func misbehave(fault string, mux *http.ServeMux) error {
	name, _, _ := strings.Cut(fault, " in canary")
	answer := map[string]http.HandlerFunc{
		"500":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"slow":    func(http.ResponseWriter, *http.Request) { time.Sleep(100 * time.Millisecond) },
		"stuck":   func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) },
		"crash":   func(http.ResponseWriter, *http.Request) { os.Exit(3) },
		"stopped": func(http.ResponseWriter, *http.Request) { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) },
		"memory": func(w http.ResponseWriter, _ *http.Request) {
			leak.Do(func() {
				leaked = make([]byte, 256<<20)
				for i := 0; i < len(leaked); i += 4096 {
					leaked[i] = 1
				}
			})
		},
	}[name]
	switch {
	case strings.HasSuffix(name, "at drain"):
		first := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if w.Header().Get("Connection") != "close" { // it does not drain yet
				return
			}
			if name == "crash at drain" {
				os.Exit(5)
			}
			http.Error(w, "no", http.StatusInternalServerError)
		})
		mux.Handle("/work", first)
	case answer != nil:
		mux.HandleFunc("/work", answer)
	default:
		mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "canary") })
	}
	return nil
}

var (
	leak   sync.Once
	leaked []byte
)
