package goprobe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"time"

	"hotgate/goprobe"
)

// A service that counts, and hands its count over on SIGUSR2.
func Example() {
	var mu sync.Mutex
	count := 41
	p, err := goprobe.Start(context.Background(), goprobe.Options{NoHeartbeat: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Stop()
	err = p.RegisterState("count", 1, goprobe.JSON(
		func() (int, error) { mu.Lock(); defer mu.Unlock(); return count, nil },
		func(n int) error { mu.Lock(); defer mu.Unlock(); count = n; return nil },
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := p.Ready(); err != nil {
		fmt.Println(err)
		return
	}
	p.OnReload(syscall.SIGUSR2, func() { fmt.Println(p.Upgrade(context.Background(), goprobe.UpgradeOptions{})) })

	mux := http.NewServeMux()
	mux.Handle("/debug/", p.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		count++
		fmt.Fprint(w, count)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = p.Serve(listener, server) }()
	defer server.Close()

	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body), "by generation", p.Image().Generation)
	// Output: 42 by generation 1
}

// A library's handles would be lost by exec: the probe refuses until they are closed.
func ExampleProbe_Track() {
	p, err := goprobe.Start(context.Background(), goprobe.Options{NoHeartbeat: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Stop()
	p.Track("libfoo handles", func() int64 { return 2 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err = p.PrepareExec(ctx)
	var refused *goprobe.NotReadyError
	fmt.Println(errors.As(err, &refused), err)
	// Output: true goprobe: not ready for exec: 2 of "libfoo handles" would be lost: no hand-over is registered
}

// The endpoints on a mux of the service's own.
func ExampleProbe_Handler() {
	p, err := goprobe.Start(context.Background(), goprobe.Options{NoHeartbeat: true, Token: "a token of the host"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Stop()
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	for _, token := range []string{"a guess", "a token of the host"} {
		request, err := http.NewRequest(http.MethodGet, server.URL+"/debug/hotgate/status", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		fmt.Println(response.StatusCode)
	}
	// Output:
	// 401
	// 200
}
