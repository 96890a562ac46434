package goprobe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hotgate/goprobe/internal/guard"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/profile"
	"hotgate/goprobe/internal/testkit"
)

// The test binary is the service, too: an image that counts orders and hands the count over. The variable says what is
// wrong with it.
const serviceVariable = "GOPROBE_TEST_SERVICE"

func TestMain(m *testing.M) {
	if fault := os.Getenv(serviceVariable); fault != "" {
		if err := runService(fault); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

type orderBook struct {
	mu     sync.Mutex
	Orders int64
}

func runService(fault string) error {
	if fault == "crash" {
		return errors.New("this image cannot start")
	}
	if fault == "hang" {
		time.Sleep(time.Hour)
	}
	if late, err := time.ParseDuration(os.Getenv("GOPROBE_TEST_LATE")); err == nil && os.Getenv(handover.Variable) != "" {
		time.Sleep(late)
	}
	p, err := Start(context.Background(), Options{HeartbeatInterval: time.Second, HeartbeatWindow: 300 * time.Millisecond})
	if err != nil {
		return err
	}
	if fault == "relay" {
		return relay(p)
	}
	if strings.HasPrefix(fault, "conns") {
		return runConns(p, fault)
	}
	if fault == "start only" {
		p.Stop()
		return nil
	}
	if fault == "activated" {
		return sayActivated(p)
	}
	book := &orderBook{}
	err = p.RegisterState("orders", 1, JSON(
		func() (int64, error) { book.mu.Lock(); defer book.mu.Unlock(); return book.Orders, nil },
		func(n int64) error {
			if fault == "bad state" && n > 0 {
				return errors.New("these orders cannot be")
			}
			book.mu.Lock()
			defer book.mu.Unlock()
			book.Orders = n
			return nil
		}))
	if err != nil {
		return err
	}
	if fault == "other state" {
		return p.Ready()
	}
	address := os.Getenv("GOPROBE_TEST_LISTEN")
	listener, err := p.ListenNamed("http", "tcp", address)
	if err != nil {
		return err
	}
	if fault == "never ready" {
		go time.Sleep(time.Hour) // or else the runtime finds that nothing can happen any more
		return http.Serve(listener, nil)
	}
	if fault == "crash after trial" && !p.Trial() {
		return errors.New("fine in the trial")
	}
	if err := p.Ready(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/debug/", p.Handler())
	mux.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		book.mu.Lock()
		book.Orders++
		n := book.Orders
		book.mu.Unlock()
		fmt.Fprintf(w, "%d %d\n", n, p.Image().Generation)
	})
	if !p.Canary() {
		mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "image", p.Image().Generation) })
	}
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(1500 * time.Millisecond)
		fmt.Fprintf(w, "%d\n", p.Image().Generation)
	})
	reload := syscall.SIGUSR2
	if os.Getenv("GOPROBE_TEST_RELOAD") == "SIGHUP" {
		reload = syscall.SIGHUP
	}
	onReload := p.OnReload
	if fault == "no reload" && !p.Trial() {
		onReload = func(os.Signal, func()) {}
	}
	onReload(reload, func() {
		o := UpgradeOptions{
			Path: os.Getenv("GOPROBE_TEST_PATH"), TrialTimeout: 5 * time.Second,
			Env:    append(os.Environ(), serviceVariable+"="+or(os.Getenv("GOPROBE_TEST_NEXT"), "none")),
			Canary: canaryOptions(), NoTrial: os.Getenv("GOPROBE_TEST_NOTRIAL") != "",
		}
		if o.Canary.Share > 0 && os.Getenv("GOPROBE_TEST_WRAP") == "" && os.Getenv("GOPROBE_TEST_PATIENT") == "" {
			o.Drain = DrainOptions{Announce: 200 * time.Millisecond, Linger: 50 * time.Millisecond}
			if patience, err := time.ParseDuration(os.Getenv("GOPROBE_TEST_TIMEOUT")); err == nil {
				o.Drain.Timeout = patience
			}
		}
		fmt.Println("upgrade:", strings.ReplaceAll(p.Upgrade(context.Background(), o).Error(), "\n", " | "))
	})
	word := "ready"
	if p.Canary() {
		word = "canary"
		if err := misbehave(fault, mux); err != nil {
			return err
		}
	}
	fmt.Printf("%s %s %d\n", word, listener.Addr(), p.Image().Generation)
	if p.Canary() && strings.HasPrefix(fault, "deaf") {
		time.Sleep(time.Hour) // it is ready, and accepts nothing
	}
	server := &http.Server{Handler: p.Measure(mux), ReadHeaderTimeout: 5 * time.Second}
	switch folder := os.Getenv("GOPROBE_TEST_TLS"); os.Getenv("GOPROBE_TEST_WRAP") {
	case "tls":
		return p.ServeTLS(listener, server, folder+"/cert.pem", folder+"/key.pem")
	case "tls listener":
		pair, err := tls.LoadX509KeyPair(folder+"/cert.pem", folder+"/key.pem")
		if err != nil {
			return err
		}
		return p.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}}), server)
	case "limit":
		return p.Serve(guard.Limited(listener), server)
	case "foreign":
		_ = listener.Drop()
		foreign, err := net.Listen("tcp", listener.Addr().String())
		if err != nil {
			return err
		}
		return p.Serve(foreign, server)
	}
	return p.Serve(listener, server)
}

// sayActivated says what Start left of LISTEN_FDS, what it took, and what another finds behind the descriptor that it left.
func sayActivated(p *Probe) error {
	said := []string{or(os.Getenv("LISTEN_FDS"), `""`)}
	for _, o := range p.listeners.offered {
		said = append(said, o.address)
	}
	if os.Getenv("LISTEN_FDS") == "2" {
		if _, err := net.FileListener(os.NewFile(3, "stream")); err != nil {
			return err
		}
		packets, err := net.FilePacketConn(os.NewFile(4, "packets"))
		if err != nil {
			return err
		}
		said = append(said, packets.LocalAddr().String())
	}
	fmt.Println("activated", strings.Join(said, " "))
	return nil
}

// relayLength is how many images take over from each other.
const relayLength = 60

// relay executes itself as soon as its heartbeat records and it has been busy for some of the profiler's ticks.
func relay(p *Probe) error {
	if p.Image().Generation == relayLength {
		fmt.Println("done", p.Image().Generation)
		return nil
	}
	for p.profiler.Current() != profile.OwnerHeartbeat {
		time.Sleep(time.Millisecond)
	}
	for begun := time.Now(); time.Since(begun) < 25*time.Millisecond; {
	}
	return p.Exec("", nil, append(os.Environ(), serviceVariable+"=relay"))
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// service is a running one.
type service struct {
	t       *testing.T
	command *exec.Cmd
	lines   chan string
	address string
	secure  *tls.Config // nil for plain HTTP
}

func startService(t *testing.T, settings ...string) *service {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, command: exec.Command(own), lines: make(chan string, 100)}
	s.command.Env = append(os.Environ(), serviceVariable+"=none", "GOPROBE_TEST_LISTEN=127.0.0.1:0")
	s.command.Env = append(s.command.Env, settings...)
	s.begin()
	s.address = s.ready(1)
	return s
}

func (s *service) begin() {
	s.t.Helper()
	s.command.Stderr = os.Stderr
	out, err := s.command.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.command.Process.Kill(); _ = s.command.Wait() })
	go func() {
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
		close(s.lines)
	}()
}

// line waits for one that begins so.
func (s *service) line(start string) string {
	s.t.Helper()
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("the service ended before it said %q", start)
			}
			if rest, ok := strings.CutPrefix(line, start); ok {
				return strings.TrimSpace(rest)
			}
			s.t.Fatalf("the service said %q, not %q", line, start)
		case <-time.After(testkit.Patience):
			s.t.Fatalf("the service never said %q", start)
		}
	}
}

func (s *service) ready(generation int) string {
	s.t.Helper()
	var address string
	var got int
	if _, err := fmt.Sscan(s.line("ready"), &address, &got); err != nil || got != generation {
		s.t.Fatalf("generation %d, want %d (%v)", got, generation, err)
	}
	return address
}

func (s *service) upgrade() {
	s.t.Helper()
	if err := s.command.Process.Signal(syscall.SIGUSR2); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) url(path string) string {
	if s.secure != nil {
		return "https://" + s.address + path
	}
	return "http://" + s.address + path
}

func (s *service) status() Status {
	s.t.Helper()
	var status Status
	get(s.t, s.url("/debug/hotgate/status"), 200, &status)
	return status
}

func (s *service) order(client *http.Client) error {
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Post(s.url("/orders"), "text/plain", strings.NewReader("an order"))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != 200 {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}
