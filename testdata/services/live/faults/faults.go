// Package faults makes the service do what a gate has to find. The variable LIVE_FAULT names one:
//
//	profile   a CPU profile runs, and SIGUSR2 executes without PrepareExec
//	park      a thread stays in a C call
//	canary    C overwrites memory that is not its own
//	leak      a descriptor without FD_CLOEXEC
//	listener  the listener is close-on-exec and nobody hands it over
//	signal    SIGHUP is ignored
//	table     a price table stays open in C
//	foreign   C has a thread and a signal handler of its own
//	deaf      the signal that asks for the update is ignored
//	grow      goroutines become ever more
package faults

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"example.com/live/native"
	"hotgate/goprobe"
)

// Fault is one of them, or "" for none.
type Fault string

// ExecsUnprepared tells whether this fault's update does without the probe.
func (f Fault) ExecsUnprepared() bool { return f == "profile" || f == "listener" }

func chosen() Fault { return Fault(os.Getenv("LIVE_FAULT")) }

// Listen listens as the service should, unless that is the fault.
func Listen(probe *goprobe.Probe, address string) (net.Listener, error) {
	if chosen() == "listener" && !probe.Trial() {
		return net.Listen("tcp", address)
	}
	return probe.ListenNamed("http", "tcp", address)
}

// Begin begins the fault that is asked for.
func Begin() (Fault, error) {
	switch fault := chosen(); fault {
	case "", "listener":
		return fault, nil
	case "profile":
		return fault, profile()
	case "park":
		go native.Park()
		return fault, nil
	case "canary":
		native.OverwriteCanary()
		return fault, nil
	case "leak":
		_, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0)
		return fault, err
	case "table":
		native.NewTable()
		return fault, nil
	case "foreign":
		if !native.Foreign() {
			return fault, errors.New("C could not start its thread")
		}
		return fault, nil
	case "grow":
		go grow()
		return fault, nil
	case "deaf":
		return fault, nil
	case "signal":
		signal.Ignore(syscall.SIGHUP)
		return fault, nil
	default:
		return fault, fmt.Errorf("LIVE_FAULT=%s is not a fault; see package faults for those there are", fault)
	}
}

// profile starts one as soon as the probe's first window is over.
func profile() error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err := pprof.StartCPUProfile(io.Discard); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// Deafens tells whether this fault's service ignores its own reload signal.
func (f Fault) Deafens() bool { return f == "deaf" }

func grow() {
	for {
		go func() { select {} }()
		time.Sleep(time.Millisecond)
	}
}

// ExecUnprepared executes the next image, or this one again, like a service without the probe.
func ExecUnprepared(next string) error {
	if next == "" {
		own, err := os.Executable()
		if err != nil {
			return err
		}
		next = own
	}
	return syscall.Exec(next, os.Args, os.Environ())
}
