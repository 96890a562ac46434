// Package faults makes the service do what a gate has to find. The variable LIVE_FAULT names one:
//
//	profile   a CPU profile runs, and SIGUSR2 executes without PrepareExec
//	park      a thread stays in a C call
//	canary    C overwrites memory that is not its own
//	leak      a descriptor without FD_CLOEXEC
//	listener  the listener is close-on-exec and nobody hands it over
//	signal    SIGHUP is ignored
package faults

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

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
		return fault, pprof.StartCPUProfile(io.Discard)
	case "park":
		go native.Park()
		return fault, nil
	case "canary":
		native.OverwriteCanary()
		return fault, nil
	case "leak":
		_, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0)
		return fault, err
	case "signal":
		signal.Ignore(syscall.SIGHUP)
		return fault, nil
	default:
		return fault, fmt.Errorf("LIVE_FAULT=%s is not a fault; see package faults for those there are", fault)
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
