//go:build cgo

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "native.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <malloc.h>
#include <sys/uio.h>
#endif

volatile uint64_t hotgate_static_canary[HOTGATE_SLOTS];
__thread volatile uint64_t hotgate_thread_canary;

void hotgate_plant(int slot, uint64_t thread_local_value, uint64_t static_value) {
	hotgate_thread_canary = thread_local_value;
	hotgate_static_canary[slot] = static_value;
}

uint64_t hotgate_read_thread_local(void) { return hotgate_thread_canary; }

uint64_t hotgate_read_static(int slot) { return hotgate_static_canary[slot]; }

int hotgate_heap(uint64_t f[5]) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
	struct mallinfo2 m = mallinfo2();
	int source = 2;
#elif defined(__GLIBC__)
	struct mallinfo m = mallinfo();
	int source = 1;
#else
	(void)f;
	return 0;
#endif
#ifdef __GLIBC__
	f[0] = (uint64_t)m.uordblks + (uint64_t)m.hblkhd;
	f[1] = (uint64_t)m.hblkhd;
	f[2] = (uint64_t)m.fordblks;
	f[3] = (uint64_t)m.arena + (uint64_t)m.hblkhd;
	f[4] = (uint64_t)m.keepcost;
	return source;
#endif
}

/* Exported by native_walk_cgo.go. */
extern void hotgateWalked(uintptr_t handle);

/* A frame record is the caller's frame pointer and the return address. The walk goes over from the thread's stack to the
 * goroutine's, so that order of addresses proves nothing; the kernel reads the record, and says where there is none. */
static int read_record(uintptr_t at, uintptr_t record[2]) {
#ifdef __linux__
	struct iovec local = {record, 2 * sizeof(uintptr_t)};
	struct iovec remote = {(void *)at, 2 * sizeof(uintptr_t)};
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)(2 * sizeof(uintptr_t));
#else
	(void)at;
	(void)record;
	return 0;
#endif
}

static __attribute__((noinline)) int walk_from(uintptr_t frame, uintptr_t *pcs, int max) {
	int n = 0;
	uintptr_t record[2];
	while (n < max && frame != 0 && frame % sizeof(uintptr_t) == 0 && read_record(frame, record)) {
		if (record[1] == 0)
			break;
		pcs[n++] = record[1];
		frame = record[0];
	}
	return n;
}

__attribute__((noinline)) int hotgate_walk(uintptr_t *pcs, int max, uintptr_t handle) {
	int n = walk_from((uintptr_t)__builtin_frame_address(0), pcs, max);
	hotgateWalked(handle);
	return n;
}

void hotgate_symbol(uintptr_t address, char *name, int size) {
	Dl_info info;
	name[0] = 0;
	if (dladdr((void *)address, &info) != 0 && info.dli_sname != NULL) {
		strncpy(name, info.dli_sname, (size_t)size - 1);
		name[size - 1] = 0;
	}
}
