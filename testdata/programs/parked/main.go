// Command parked serves plain net/http/pprof with two threads that stay in C, and one goroutine that C has called back.
// With an argument, instead: `spin`, a thread computes in C; `pool`, C has a thread of its own; `timer`, C has armed
// ITIMER_PROF; `busy`, five jobs are in flight; `work`, goroutines compute; `quiet`, nothing.
package main

/*
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

// The threads that are about to stay where they are.
static volatile long parked_tids[3];
static volatile int parked_count;

static void parked_here(void) {
	parked_tids[__sync_fetch_and_add(&parked_count, 1)] = syscall(SYS_gettid);
}

static int parked_all(void) { return parked_count; }
static long parked_tid(int at) { return parked_tids[at]; }

static void parked_spin(void) {
	parked_here();
	for (volatile unsigned long i = 0;; i++)
		;
}

static void *parked_sleeper(void *unused) {
	parked_here();
	for (;;)
		pause();
	return unused;
}

static int parked_pool(void) {
	pthread_t thread;
	return pthread_create(&thread, NULL, parked_sleeper, NULL);
}

static int parked_timer(void) {
	struct itimerval every = {{0, 10000}, {0, 10000}};
	signal(SIGPROF, SIG_IGN);
	return setitimer(ITIMER_PROF, &every, NULL);
}

extern void parkedCallback(void);

static void parked_stay(void) {
	parked_here();
	for (;;)
		pause();
}

static void parked_via_c(void) { parkedCallback(); }
*/
import "C"

import (
	"bytes"
	"expvar"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"time"
)

//export parkedCallback
func parkedCallback() {
	C.parked_here()
	select {}
}

func stay() { C.parked_stay() }

func work() {
	for sum := 0; ; sum++ {
		if sum < 0 {
			fmt.Println(sum)
		}
	}
}

// settled returns when so many threads have said that they stay, and the kernel says that each is in the wanted state:
// a thread that is only about to sleep would be looked at too early.
func settled(threads int, state byte) {
	for at := 0; at < threads; {
		tid := C.long(0)
		if int(C.parked_all()) > at {
			tid = C.parked_tid(C.int(at))
		}
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
		if name := bytes.LastIndexByte(stat, ')'); tid != 0 && name >= 0 && stat[name+2] == state {
			at++
			continue
		}
		time.Sleep(time.Millisecond)
	}
}

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "spin":
		go C.parked_spin()
		settled(1, 'R')
	case "pool":
		C.parked_pool()
		settled(1, 'S')
	case "timer":
		C.parked_timer()
	case "work":
		threads := 4 * runtime.NumCPU() // a large share of the machine, whatever else it does
		runtime.GOMAXPROCS(threads)
		for i := 0; i < threads; i++ {
			go work()
		}
	case "busy":
		expvar.NewInt("jobs").Set(5)
	case "":
		for i := 0; i < 2; i++ {
			go stay()
		}
		go C.parked_via_c()
		settled(3, 'S')
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
}
