//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"hotgate/goprobe/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, main) }

// calls asks over some connections at once until the test says so, and counts.
func calls(t *testing.T, address string, during func(grpc_health_v1.HealthClient)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	quit := make(chan struct{})
	var all sync.WaitGroup
	var count, failed atomic.Int64
	clients := []grpc_health_v1.HealthClient{}
	for i := 0; i < 4; i++ {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		client := grpc_health_v1.NewHealthClient(conn)
		clients = append(clients, client)
		for j := 0; j < 4; j++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for {
					select {
					case <-quit:
						return
					case <-time.After(time.Millisecond):
					}
					count.Add(1)
					if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
						failed.Add(1)
						t.Logf("a call: %v", err)
					}
				}
			}()
		}
	}
	during(clients[0])
	close(quit)
	all.Wait()
	if failed.Load() > 0 || count.Load() < 200 {
		t.Errorf("%d of %d calls failed", failed.Load(), count.Load())
	}
}

func TestNoCallFails(t *testing.T) {
	p := testkit.Start(t, "-listen", "127.0.0.1:0")
	calls(t, p.Address(1), func(grpc_health_v1.HealthClient) {
		for generation := 2; generation <= 4; generation++ {
			p.Update(generation)
		}
	})
}

// A stream without end is stopped when its time is over.
func TestAStreamWithoutEndIsCut(t *testing.T) {
	p := testkit.Start(t, "-listen", "127.0.0.1:0", "-streams", "300ms")
	address := p.Address(1)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := grpc_health_v1.NewHealthClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	watch, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	p.Update(2)
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Error(err)
	}
}

// After an update that failed another server serves.
func TestAFailedUpdateServesOn(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := testkit.Start(t, "-listen", "127.0.0.1:0", "-next", text)
	calls(t, p.Address(1), func(grpc_health_v1.HealthClient) {
		for i := 0; i < 2; i++ {
			p.Signal()
			p.Line("not updated: ")
		}
	})
}
