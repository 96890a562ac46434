//go:build cgo

// Package cfaults does in C what a service's libraries may do, so that tests can see whether the probe finds it.
package cfaults

/*
#cgo CFLAGS: -O2
#cgo linux LDFLAGS: -lpthread
#include <stdint.h>
void cfaults_overwrite(int slot);
void cfaults_overwrite_thread(void);
int cfaults_handler(void);
void cfaults_unhandle(void);
int cfaults_spawn(void);
void cfaults_join(void);
void cfaults_park(int fd);
void cfaults_back(int fd);
*/
import "C"

// Built tells whether there is C in this build.
const Built = true

// Overwrite zeroes a static canary of the probe.
func Overwrite(slot int) { C.cfaults_overwrite(C.int(slot)) }

// OverwriteThread zeroes the thread-local canary of the thread that it runs on.
func OverwriteThread() { C.cfaults_overwrite_thread() }

// Handle installs a C handler for SIGUSR1; Unhandle takes it off.
func Handle() bool { return C.cfaults_handler() == 0 }

// Unhandle puts back what was there before Handle.
func Unhandle() { C.cfaults_unhandle() }

// Spawn starts a thread of C's that sleeps until Join.
func Spawn() bool { return C.cfaults_spawn() == 0 }

// Join ends it.
func Join() { C.cfaults_join() }

// Park calls C, which reads a byte from a pipe, and so stays there until one is written.
func Park(fd int) { C.cfaults_park(C.int(fd)) }

var inside func()

// Back calls C, which calls f.
func Back(f func()) {
	inside = f
	C.cfaults_back(0)
}

//export cfaultsInside
func cfaultsInside() { inside() }
