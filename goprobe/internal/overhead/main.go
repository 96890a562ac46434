// Overhead measures what the probe costs, against its goals: the heartbeat at default settings at most 1% of a CPU and
// 5 MB, status at most 2 ms at the 99th percentile with 10,000 goroutines. It exits 1 if one is missed.
//
//	go run ./internal/overhead
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hotgate/goprobe"
)

const (
	cpuGoal    = 0.01 // of one CPU
	memoryGoal = 5 << 20
	statusGoal = 2 * time.Millisecond
	goroutines = 10_000
	interval   = 60 * time.Second // of the heartbeat's defaults
	window     = 6 * time.Second
)

func main() {
	length := flag.Duration("for", interval, "how long to watch an idle process with a heartbeat; whole intervals are fair")
	requests := flag.Int("requests", 1000, "how many times to ask for the status")
	flag.Parse()
	ok := true
	check := func(name string, value, goal float64, format string) {
		verdict := "ok"
		if value > goal {
			verdict, ok = "MISSED", false
		}
		fmt.Printf("%-44s "+format+" (goal "+format+") %s\n", name, value, goal, verdict)
	}
	idleBefore := share(5 * time.Second)
	before := memory()
	probe, err := goprobe.Start(context.Background(), goprobe.Options{})
	if err != nil {
		log.Fatal(err)
	}
	idle := share(*length)
	after := memory()
	check("idle process with the heartbeat: CPU %", 100*idle, 100*cpuGoal, "%.3f")
	fmt.Printf("%-44s %.3f\n", "  without, %", 100*idleBefore)
	check("resident memory, MB", float64(after-before)/1e6, memoryGoal/1e6, "%.2f")
	probe.Stop()

	inside := slowdown()
	check("busy thread: CPU % lost to the sampling", 100*math.Max(0, inside)*float64(window)/float64(interval), 100*cpuGoal, "%.3f")
	fmt.Printf("%-44s %.3f\n", "  inside a window, %", 100*inside)

	asked, control := status(*requests)
	check("status with 10,000 goroutines, p99 ms", ms(asked.p99), ms(statusGoal), "%.3f")
	fmt.Printf("%-44s %.3f, %.3f\n", "  median, worst, ms", ms(asked.median), ms(asked.worst))
	fmt.Printf("%-44s %.3f, %.3f, %.3f\n", "  an empty handler in turn: p99, median, worst", ms(control.p99), ms(control.median), ms(control.worst))
	if !ok {
		os.Exit(1)
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// share is the share of one CPU that the process takes while this sleeps.
func share(length time.Duration) float64 {
	cpu := cpuTime()
	begun := time.Now()
	time.Sleep(length)
	return float64(cpuTime()-cpu) / float64(time.Since(begun))
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// memory is the resident memory in bytes, from the second figure of /proc/self/statm, in pages.
func memory() int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		log.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// slowdown is how much more CPU time the same work takes while a profile runs. It is taken in pairs, so that what else
// goes on on the machine falls on both; the median pair counts.
func slowdown() float64 {
	const pairs = 9
	ratios := []float64{}
	work() // warm
	for i := 0; i < pairs; i++ {
		plain := work()
		stop := profile()
		profiled := work()
		stop()
		ratios = append(ratios, float64(profiled)/float64(plain)-1)
	}
	sort.Float64s(ratios)
	return ratios[pairs/2]
}

// profile records by the probe's own collector, in one long window.
func profile() (stop func()) {
	probe, err := goprobe.Start(context.Background(), goprobe.Options{HeartbeatInterval: time.Hour, HeartbeatWindow: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // until it records
	return probe.Stop
}

var sink float64

func work() time.Duration {
	begun := cpuTime()
	x := 1.0
	for i := 0; i < 150_000_000; i++ {
		x = math.Sqrt(x + float64(i&7))
	}
	sink = x
	return cpuTime() - begun
}

type times struct{ p99, median, worst time.Duration }

// status asks over HTTP, in the way of a poller: below the probe's rate limit. In turn it asks a handler that does nothing,
// which tells what the machine and HTTP take.
func status(requests int) (asked, control times) {
	quit := make(chan struct{})
	defer close(quit)
	for i := 0; i < goroutines; i++ {
		go func() { <-quit }()
	}
	runtime.Gosched()
	probe, err := goprobe.Start(context.Background(), goprobe.Options{NoHeartbeat: true})
	if err != nil {
		log.Fatal(err)
	}
	defer probe.Stop()
	mux := http.NewServeMux()
	mux.Handle("/debug/", probe.Handler())
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	base := "http://" + listener.Addr().String()
	var taken [2][]time.Duration
	for i := 0; i < requests; i++ {
		for which, path := range []string{"/debug/hotgate/status", "/empty"} {
			taken[which] = append(taken[which], ask(base+path))
			time.Sleep(11 * time.Millisecond)
		}
	}
	return summary(taken[0]), summary(taken[1])
}

func ask(url string) time.Duration {
	begun := time.Now()
	response, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK {
		log.Fatalf("status %d, %v", response.StatusCode, err)
	}
	return time.Since(begun)
}

func summary(all []time.Duration) times {
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return times{p99: all[len(all)*99/100], median: all[len(all)/2], worst: all[len(all)-1]}
}
