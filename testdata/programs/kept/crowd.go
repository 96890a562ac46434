package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"hotgate/goprobe"
)

// client is one of the crowd: it counts what it says and hears.
type client struct {
	conn   net.Conn
	failed atomic.Pointer[string]

	mu       sync.Mutex
	sent     int
	sentAt   map[int]int64
	answered int
	answers  []answer // of the update under way
	pushed   int
	ended    chan struct{}
}

type answer struct{ sent, came int64 } // CLOCK_MONOTONIC in ns

func (c *client) fail(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	c.failed.CompareAndSwap(nil, &text)
}

func (c *client) say() {
	c.mu.Lock()
	c.sent++
	n := c.sent
	c.sentAt[n] = monotonic()
	c.mu.Unlock()
	// In two pieces, so that an update comes between them as well.
	text := fmt.Sprintf("%d\n", n)
	if _, err := c.conn.Write([]byte(text[:1])); err != nil {
		c.fail("write: %v", err)
		return
	}
	if _, err := c.conn.Write([]byte(text[1:])); err != nil {
		c.fail("write: %v", err)
	}
}

func (c *client) hear() {
	defer close(c.ended)
	in := bufio.NewReaderSize(c.conn, 512)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			c.fail("read: %v", err)
			return
		}
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "p":
			c.mu.Lock()
			c.pushed++
			if fields[1] != strconv.Itoa(c.pushed) {
				c.fail("push %q came where %d was due", line, c.pushed)
			}
			c.mu.Unlock()
		case len(fields) == 4 && fields[1] == "end":
			c.mu.Lock()
			if fields[2] != strconv.Itoa(c.pushed) || fields[3] != strconv.Itoa(c.answered) || c.answered != c.sent {
				c.fail("the end is %q after %d pushes and %d of %d answers", line, c.pushed, c.answered, c.sent)
			}
			c.mu.Unlock()
			return
		case len(fields) == 3 && fields[0] == "a":
			now := monotonic()
			c.mu.Lock()
			c.answered++
			due := strconv.Itoa(c.answered)
			if fields[1] != due || fields[2] != due {
				c.fail("answer %q came where %s was due", line, due)
			}
			c.answers = append(c.answers, answer{c.sentAt[c.answered], now})
			delete(c.sentAt, c.answered)
			c.mu.Unlock()
		default:
			c.fail("%.60q", line)
			return
		}
	}
}

// result is what crowd prints.
type result struct {
	Connections int      `json:"connections"`
	Updates     int      `json:"updates"`
	Sent        int      `json:"sent"`
	Pushed      int      `json:"pushed"`
	Failed      int      `json:"failed"` // connections with a message that was lost, doubled or out of order, or that ended
	Reasons     []string `json:"reasons"`
	Refused     int      `json:"refused"`
	Each        []pause  `json:"each"`
	IdleKiB     int64    `json:"idle_kib"` // the service without a connection
	FullKiB     int64    `json:"full_kib"` // with all of them
}

// pause is what one update took, in ms from the moment at which the loops began to stop.
type pause struct {
	Generation int     `json:"generation"`
	Half       float64 `json:"half_ms"` // until half of the connections that had asked had an answer
	All        float64 `json:"all_ms"`
	Served     float64 `json:"served_ms"` // until the last loop ran again
	Asked      int     `json:"asked"`
	Open       int     `json:"descriptors"`
	Goroutines int     `json:"goroutines"`
	KiB        int64   `json:"kib"` // resident
	HandedKiB  int64   `json:"handed_kib"`
}

func crowd(arguments []string) error {
	flags := flag.NewFlagSet("crowd", flag.ExitOnError)
	address := flags.String("address", "", "where the service listens")
	statusAt := flags.String("status", "", "where its probe answers")
	number := flags.Int("connections", 1000, "how many connections")
	updates := flags.Int("updates", 5, "how many updates")
	refused := flags.Bool("refused", false, "the updates are to be refused")
	interval := flags.Duration("interval", 2*time.Second, "from one message to the next, on each connection")
	rest := flags.Duration("rest", time.Second, "from one update to the next")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	s := &service{url: "http://" + *statusAt + "/debug/hotgate/status"}
	before, err := s.status()
	if err != nil {
		return err
	}
	r := result{Connections: *number, Updates: *updates, IdleKiB: resident(before.Image.PID), Reasons: []string{}, Each: []pause{}}
	clients, err := connect(*address, *number)
	if err != nil {
		return err
	}
	quit := make(chan struct{})
	var speakers sync.WaitGroup
	const shards = 8
	for w := 0; w < shards; w++ {
		w := w
		speakers.Add(1)
		go func() {
			defer speakers.Done()
			speak(clients, w, shards, *interval, quit)
		}()
	}
	time.Sleep(*interval)
	r.FullKiB = resident(before.Image.PID)
	for i := 0; i < *updates; i++ {
		p, err := s.update(clients, *refused)
		if err != nil {
			return err
		}
		if *refused {
			r.Refused++
		} else {
			r.Each = append(r.Each, p)
		}
		time.Sleep(*rest)
	}
	close(quit)
	speakers.Wait()
	for _, c := range clients {
		if _, err := c.conn.Write([]byte("end\n")); err != nil {
			c.fail("write: %v", err)
		}
	}
	for _, c := range clients {
		select {
		case <-c.ended:
		case <-time.After(2 * time.Minute):
			c.fail("no end")
		}
		c.mu.Lock()
		r.Sent += c.sent
		r.Pushed += c.pushed
		c.mu.Unlock()
		if text := c.failed.Load(); text != nil {
			r.Failed++
			if len(r.Reasons) < 5 {
				r.Reasons = append(r.Reasons, *text)
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func connect(address string, number int) ([]*client, error) {
	clients := make([]*client, number)
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for w := 0; w < 32; w++ {
		w := w
		all.Add(1)
		go func() {
			defer all.Done()
			for i := w; i < number; i += 32 {
				conn, err := net.DialTimeout("tcp", address, time.Minute)
				if err != nil {
					failed.Store(&err)
					return
				}
				clients[i] = &client{conn: conn, sentAt: map[int]int64{}, ended: make(chan struct{})}
				go clients[i].hear()
			}
		}()
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return clients, nil
}

// speak lets every shards-th client say something in each interval, spread over it.
func speak(clients []*client, from, shards int, interval time.Duration, quit <-chan struct{}) {
	for {
		begun := time.Now()
		for i := from; i < len(clients); i += shards {
			clients[i].say()
			if (i/shards)%16 == 0 {
				time.Sleep(time.Until(begun.Add(interval * time.Duration(i) / time.Duration(len(clients)))))
			}
		}
		select {
		case <-quit:
			return
		case <-time.After(time.Until(begun.Add(interval))):
		}
	}
}

type service struct{ url string }

func (s *service) status() (status goprobe.Status, err error) {
	response, err := http.Get(s.url)
	if err != nil {
		return status, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return status, fmt.Errorf("status %d", response.StatusCode)
	}
	return status, json.NewDecoder(response.Body).Decode(&status)
}

// update sends the signal and waits for what comes of it.
func (s *service) update(clients []*client, refused bool) (p pause, err error) {
	before, err := s.status()
	if err != nil {
		return p, err
	}
	for _, c := range clients {
		c.mu.Lock()
		c.answers = c.answers[:0]
		c.mu.Unlock()
	}
	if err := syscall.Kill(before.Image.PID, syscall.SIGUSR2); err != nil {
		return p, err
	}
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		now, err := s.status()
		if err != nil {
			continue // the images change
		}
		if now.Update.State == "failed" && now.Update.At != before.Update.At {
			if refused {
				return p, nil
			}
			return p, fmt.Errorf("the update failed: %+v", now.Update)
		}
		last := now.Connections.Last
		if now.Image.Generation == before.Image.Generation || last == nil {
			continue
		}
		if last.Handed != len(clients) || last.Restored != len(clients) {
			return p, fmt.Errorf("%+v of %d connections", last, len(clients))
		}
		return s.pause(clients, now)
	}
	return p, errors.New("no update")
}

// pause waits for the answers that were due while nothing was served, and tells how long they took.
func (s *service) pause(clients []*client, now goprobe.Status) (pause, error) {
	last := now.Connections.Last
	took := []float64{}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		took = took[:0]
		waiting := 0
		for _, c := range clients {
			c.mu.Lock()
			first := int64(0)
			for _, a := range c.answers {
				if a.came >= last.StoppedMonotonicNS && a.sent <= last.ServedMonotonicNS && (first == 0 || a.came < first) {
					first = a.came
				}
			}
			if first == 0 {
				for _, sent := range c.sentAt {
					if sent <= last.ServedMonotonicNS {
						waiting++
						break
					}
				}
			} else {
				took = append(took, float64(first-last.StoppedMonotonicNS)/1e6)
			}
			c.mu.Unlock()
		}
		if waiting == 0 {
			break
		}
		if time.Now().After(deadline) {
			return pause{}, fmt.Errorf("%d connections still wait for an answer", waiting)
		}
	}
	sort.Float64s(took)
	p := pause{
		Generation: now.Image.Generation, Asked: len(took), Open: now.Descriptors.Open, Goroutines: now.Goroutines,
		Served: float64(last.ServedMonotonicNS-last.StoppedMonotonicNS) / 1e6, KiB: resident(now.Image.PID), HandedKiB: last.Bytes >> 10,
	}
	if len(took) > 0 {
		p.Half, p.All = took[len(took)/2], took[len(took)-1]
	}
	return p, nil
}

// resident is a process's memory.
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n
		}
	}
	return 0
}

// monotonic is CLOCK_MONOTONIC, as the probe's answers have it.
func monotonic() int64 {
	var now syscall.Timespec
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}
