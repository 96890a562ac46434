// Command parked serves plain net/http/pprof with two threads that stay in C, and one goroutine that C has called back.
// With an argument, instead: `spin`, a thread computes in C; `pool`, C has a thread of its own; `timer`, C has armed
// ITIMER_PROF; `busy`, five jobs are in flight; `work`, goroutines compute; `quiet`, nothing.
package main

/*
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static void parked_spin(void) {
	for (volatile unsigned long i = 0;; i++)
		;
}

static void *parked_sleeper(void *unused) {
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
	for (;;)
		pause();
}

static void parked_via_c(void) { parkedCallback(); }
*/
import "C"

import (
	"expvar"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
)

//export parkedCallback
func parkedCallback() { select {} }

func stay() { C.parked_stay() }

func work() {
	for sum := 0; ; sum++ {
		if sum < 0 {
			fmt.Println(sum)
		}
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
	case "pool":
		C.parked_pool()
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
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
}
