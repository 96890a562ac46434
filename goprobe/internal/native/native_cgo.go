//go:build cgo

package goprobe

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
)

const cgoBuilt = true

// nativeTimeout bounds how long the probe's thread may take to answer; it only reads memory.
const nativeTimeout = 500 * time.Millisecond

// native is the probe's own OS thread, with canaries in C storage.
type native struct {
	slot      int // -1 when all are taken
	drawnAt   string
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

// startNative starts the thread and plants the canaries there; nil when there is no slot left or no randomness.
func startNative() *native {
	var drawn [16]byte
	if _, err := rand.Read(drawn[:]); err != nil {
		return nil
	}
	slot := takeSlot()
	if slot < 0 {
		return nil
	}
	n := &native{
		slot: slot, drawnAt: stamp(time.Now()), questions: make(chan func()), quit: make(chan struct{}),
		expected: [2]uint64{binary.LittleEndian.Uint64(drawn[:]), binary.LittleEndian.Uint64(drawn[8:])},
	}
	ready := make(chan struct{})
	go func() { n.run(ready) }() // a wrapper of `go` would show in C's walk only
	<-ready
	return n
}

func (n *native) run(ready chan<- struct{}) {
	// Never unlocked: the thread ends with the goroutine, and its storage with it.
	runtime.LockOSThread()
	n.threadID.Store(int64(threadID()))
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

func (n *native) stop() {
	if n != nil {
		n.once.Do(func() { close(n.quit) })
	}
}

// ask runs a function on the probe's thread; false when the thread did not come to it in time.
func (n *native) ask(question func()) bool {
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

// canaries reads both on the thread that they were planted on.
func (n *native) canaries() *Canaries {
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

// heap asks the C library's allocator. It is asked on the probe's thread because it takes the allocator's locks.
func (n *native) heap() *CHeap {
	result := make(chan *CHeap, 1)
	if !n.ask(func() { result <- readHeap() }) {
		return nil
	}
	return <-result
}

func readHeap() *CHeap {
	var figures [5]C.uint64_t
	source := C.hotgate_heap(&figures[0])
	if source == 0 {
		return nil
	}
	name := "mallinfo2"
	if source == 1 {
		name = "mallinfo"
	}
	return &CHeap{
		Source: name, InUse: uint64(figures[0]), Mapped: uint64(figures[1]), Free: uint64(figures[2]),
		FromOS: uint64(figures[3]), Releases: uint64(figures[4]),
	}
}

// nativeSymbol names the function at an address outside Go's text.
func nativeSymbol(address uintptr) string {
	var name [bounds.MaxText]C.char
	C.hotgate_symbol(C.uintptr_t(address), &name[0], bounds.MaxText)
	return bounds.Cut(C.GoString((*C.char)(unsafe.Pointer(&name[0]))))
}
