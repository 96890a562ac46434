//go:build cgo

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Weak, because cgo links each package by itself first. */
extern volatile uint64_t hotgate_static_canary[] __attribute__((weak));
extern void cfaultsInside(void);

void cfaults_overwrite(int slot) {
	if (hotgate_static_canary)
		hotgate_static_canary[slot] = 0;
}

extern void hotgate_plant(int slot, uint64_t thread_local_value, uint64_t static_value) __attribute__((weak));

/* Of this thread; the last slot of the static ones is one that no test uses. */
void cfaults_overwrite_thread(void) {
	if (hotgate_plant)
		hotgate_plant(15, 0, 0);
}

static struct sigaction before;

static void on_signal(int number) { (void)number; }

int cfaults_handler(void) {
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	action.sa_flags = SA_ONSTACK | SA_RESTART;
	return sigaction(SIGUSR1, &action, &before);
}

void cfaults_unhandle(void) { sigaction(SIGUSR1, &before, NULL); }

static pthread_t sleeper;
static int ends[2];

static void *sleep_until(void *unused) {
	char byte;
	(void)unused;
#ifdef __linux__
	pthread_setname_np(pthread_self(), "cfaults-sleep");
#endif
	if (read(ends[0], &byte, 1) < 0)
		return NULL;
	return NULL;
}

int cfaults_spawn(void) {
	if (pipe(ends) != 0)
		return -1;
	return pthread_create(&sleeper, NULL, sleep_until, NULL);
}

void cfaults_join(void) {
	close(ends[1]);
	pthread_join(sleeper, NULL);
	close(ends[0]);
}

void cfaults_park(int fd) {
	char byte;
	if (read(fd, &byte, 1) < 0)
		return;
}

void cfaults_back(int unused) {
	(void)unused;
	cfaultsInside();
}
