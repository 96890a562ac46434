package goprobe

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load sends orders until stop, over connections that are kept and over new ones.
type load struct {
	sent, failed atomic.Int64
	quit         chan struct{}
	all          sync.WaitGroup
}

func (s *service) load(clients int) *load {
	l := &load{quit: make(chan struct{})}
	for i := 0; i < clients; i++ {
		client := &http.Client{Transport: &http.Transport{
			DisableKeepAlives: i%2 == 1, MaxIdleConnsPerHost: 1, TLSClientConfig: s.secure.Clone(), ForceAttemptHTTP2: i%4 == 0,
		}}
		pause := time.Duration(i/2) * 40 * time.Millisecond // some think for a while between their requests
		l.all.Add(1)
		go func() {
			defer l.all.Done()
			defer client.CloseIdleConnections()
			for {
				select {
				case <-l.quit:
					return
				case <-time.After(pause + time.Millisecond):
				}
				l.sent.Add(1)
				if err := s.order(client); err != nil {
					l.failed.Add(1)
					s.t.Logf("lost: %v", err)
				}
			}
		}()
	}
	return l
}

func (l *load) stop() (sent, failed int64) {
	close(l.quit)
	l.all.Wait()
	return l.sent.Load(), l.failed.Load()
}
