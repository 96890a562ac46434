// Command sigprof executes itself once, with or without a CPU profile that runs, to see whether the new image lives.
//
// The measured hazard: ITIMER_PROF survives execve, and SIGPROF ends an image that has no handler yet.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"os"
	"runtime/pprof"
	"syscall"
	"time"

	"hotgate/goprobe"
)

const second = "SIGPROF_SECOND_IMAGE=1"

func main() {
	if os.Getenv("SIGPROF_SECOND_IMAGE") == "1" {
		fmt.Println("lives")
		return
	}
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: sigprof none|profile|heartbeat|prepare|refuse"))
	}
	run, ok := modes[os.Args[1]]
	if !ok {
		fail(fmt.Errorf("no such mode: %s", os.Args[1]))
	}
	fail(run())
}

var modes = map[string]func() error{
	"none":      func() error { work(); return exec() },
	"profile":   func() error { return profiled(exec) },
	"heartbeat": func() error { return probed(func(*goprobe.Probe) error { return exec() }) },
	"prepare":   func() error { return probed(func(p *goprobe.Probe) error { return p.Exec("", nil, environment()) }) },
	"refuse":    refuse,
}

// refuse has somebody else's profile running: PrepareExec has to refuse, and the process lives on.
func refuse() error {
	p, err := goprobe.Start(context.Background(), goprobe.Options{NoHeartbeat: true})
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil {
		return err
	}
	return profiled(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := p.PrepareExec(ctx); err == nil {
			return p.Exec("", nil, environment())
		}
		fmt.Println("refused")
		os.Exit(0)
		return nil
	})
}

func profiled(then func() error) error {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		return err
	}
	work()
	return then()
}

// probed runs with goprobe, whose heartbeat has a window open.
func probed(then func(*goprobe.Probe) error) error {
	options := goprobe.Options{HeartbeatInterval: time.Second, HeartbeatWindow: time.Second}
	p, err := goprobe.Start(context.Background(), options)
	if err != nil {
		return err
	}
	if err := p.Ready(); err != nil {
		return err
	}
	work()
	return then(p)
}

// work keeps a processor busy for up to 10 ms, so that the timer, which counts processor time, is anywhere in its period.
func work() {
	until := time.Now().Add(time.Duration(rand.Int63n(int64(10 * time.Millisecond))))
	for time.Now().Before(until) {
	}
}

func exec() error { return syscall.Exec("/proc/self/exe", os.Args, environment()) }

func environment() []string { return append(os.Environ(), second) }

func fail(err error) {
	fmt.Fprintln(os.Stderr, "sigprof:", err)
	os.Exit(1)
}
