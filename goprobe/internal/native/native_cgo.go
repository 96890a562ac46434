//go:build cgo

package native

/*
#cgo CFLAGS: -O2 -fno-omit-frame-pointer
#cgo linux LDFLAGS: -ldl
#include "native.h"
*/
import "C"

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/proc"
)

// Built tells whether there is C in this build.
const Built = true

// nativeTimeout bounds how long the probe's thread may take to answer; it only reads memory.
const nativeTimeout = 500 * time.Millisecond

// Thread is the probe's own OS thread, with canaries in C storage.
type Thread struct {
	slot      int // -1 when all are taken
	drawnAt   time.Time
	threadID  atomic.Int64
	expected  [2]uint64 // thread-local, static
	reads     atomic.Uint64
	questions chan func()
	quit      chan struct{}
	once      sync.Once
}

// slots of static canaries that are taken: a process may run several probes, one after the other or at once.
var (
	slotsMu sync.Mutex
	slots   [C.HOTGATE_SLOTS]bool
)

func takeSlot() int {
	slotsMu.Lock()
	defer slotsMu.Unlock()
	for i, taken := range slots {
		if !taken {
			slots[i] = true
			return i
		}
	}
	return -1
}

// Start starts the thread and plants the canaries there; nil when there is no slot left or no randomness.
func Start() *Thread {
	var drawn [16]byte
	if _, err := rand.Read(drawn[:]); err != nil {
		return nil
	}
	slot := takeSlot()
	if slot < 0 {
		return nil
	}
	n := &Thread{
		slot: slot, drawnAt: time.Now(), questions: make(chan func()), quit: make(chan struct{}),
		expected: [2]uint64{binary.LittleEndian.Uint64(drawn[:]), binary.LittleEndian.Uint64(drawn[8:])},
	}
	ready := make(chan struct{})
	go func() { n.run(ready) }() // a wrapper of `go` would show in C's walk only
	<-ready
	return n
}

func (n *Thread) run(ready chan<- struct{}) {
	// Never unlocked: the thread ends with the goroutine, and its storage with it.
	runtime.LockOSThread()
	n.threadID.Store(int64(proc.ThreadID()))
	C.hotgate_plant(C.int(n.slot), C.uint64_t(n.expected[0]), C.uint64_t(n.expected[1]))
	close(ready)
	for {
		select {
		case <-n.quit:
			slotsMu.Lock()
			slots[n.slot] = false
			slotsMu.Unlock()
			return
		case question := <-n.questions:
			question()
		}
	}
}

// Stop ends the thread.
func (n *Thread) Stop() {
	if n != nil {
		n.once.Do(func() { close(n.quit) })
	}
}

// ask runs a function on the probe's thread; false when the thread did not come to it in time.
func (n *Thread) ask(question func()) bool {
	if n == nil {
		return false
	}
	done := make(chan struct{})
	timer := time.NewTimer(nativeTimeout)
	defer timer.Stop()
	select {
	case n.questions <- func() { defer close(done); question() }:
	case <-timer.C:
		return false
	case <-n.quit:
		return false
	}
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// Canaries reads both on the thread that they were planted on.
func (n *Thread) Canaries() *Canaries {
	if n == nil {
		return nil
	}
	result := make(chan [2]uint64, 1) // apart from the caller, who may have gone when the thread answers
	answered := n.ask(func() {
		result <- [2]uint64{uint64(C.hotgate_read_thread_local()), uint64(C.hotgate_read_static(C.int(n.slot)))}
	})
	facts := &Canaries{ThreadID: int(n.threadID.Load()), DrawnAt: n.drawnAt}
	var found [2]uint64
	if answered {
		found = <-result
		n.reads.Add(1)
	}
	for i, canary := range []*Canary{&facts.ThreadLocal, &facts.Static} {
		*canary = Canary{State: "unknown", Expected: fmt.Sprintf("%016x", n.expected[i]), Reads: n.reads.Load()}
		if answered {
			canary.Found = fmt.Sprintf("%016x", found[i])
			canary.State = "broken"
			if found[i] == n.expected[i] {
				canary.State = "holds"
			}
		}
	}
	return facts
}

// Heap asks the C library's allocator. It is asked on the probe's thread because it takes the allocator's locks.
func (n *Thread) Heap() *Heap {
	result := make(chan *Heap, 1)
	if !n.ask(func() { result <- readHeap() }) {
		return nil
	}
	return <-result
}

func readHeap() *Heap {
	var figures [5]C.uint64_t
	source := C.hotgate_heap(&figures[0])
	if source == 0 {
		return nil
	}
	name := "mallinfo2"
	if source == 1 {
		name = "mallinfo"
	}
	return &Heap{
		Source: name, InUse: uint64(figures[0]), Mapped: uint64(figures[1]), Free: uint64(figures[2]),
		FromOS: uint64(figures[3]), Releases: uint64(figures[4]),
	}
}

// Symbol names the function at an address outside Go's text.
func Symbol(address uintptr) string {
	var name [bounds.MaxText]C.char
	C.hotgate_symbol(C.uintptr_t(address), &name[0], bounds.MaxText)
	return bounds.Cut(C.GoString((*C.char)(unsafe.Pointer(&name[0]))))
}
