// Command parked serves plain net/http/pprof with two threads that stay in C, and one goroutine that C has called back.
package main

/*
#include <unistd.h>

extern void parkedCallback(void);

static void parked_stay(void) {
	for (;;)
		pause();
}

static void parked_via_c(void) { parkedCallback(); }
*/
import "C"

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
)

//export parkedCallback
func parkedCallback() { select {} }

func stay() { C.parked_stay() }

func main() {
	for i := 0; i < 2; i++ {
		go stay()
	}
	go C.parked_via_c()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, nil))
}
