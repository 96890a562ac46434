#ifndef HOTGATE_NATIVE_H
#define HOTGATE_NATIVE_H

#include <stdint.h>

#define HOTGATE_SLOTS 16

/* One canary per probe in static storage, and one per thread. Their names are visible so that what overwrites them can be
 * found with a debugger's watchpoint. */
extern volatile uint64_t hotgate_static_canary[HOTGATE_SLOTS];
extern __thread volatile uint64_t hotgate_thread_canary;

void hotgate_plant(int slot, uint64_t thread_local_value, uint64_t static_value);
uint64_t hotgate_read_thread_local(void);
uint64_t hotgate_read_static(int slot);

/* in use, mapped, free, from the system, releasable: bytes. Gives 2 for mallinfo2, 1 for mallinfo, 0 for neither. */
int hotgate_heap(uint64_t figures[5]);

/* Walks the frame pointers outwards and gives the return addresses, then calls back into Go. */
int hotgate_walk(uintptr_t *pcs, int max, uintptr_t handle);

/* The name of the function at an address, "" where dladdr(3) knows none. */
void hotgate_symbol(uintptr_t address, char *name, int size);

#endif
