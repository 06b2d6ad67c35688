/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of a guest whose TSC counts instructions (-icount shift=0), and what an operation costs
 * by it: the instructions from its begin to its end, and those that it leaves to be done behind it.
 */
#ifndef OVERHEAD_CLOCK_H
#define OVERHEAD_CLOCK_H

#include "tb.h"

#include <fcntl.h>
#include <stdbool.h>

#define SPIN 500UL		/* iterations between two looks at the clock */
#define SPIN_COST (2 * SPIN)	/* dec and jnz */
#define TICK_LEAST 1000UL	/* an interrupt takes more; the loop around a spin takes less */
/*
 * An RCU grace period that begins behind a batch is over after four ticks of the timer, and the
 * callbacks run by the tick after.
 */
#define SETTLE_TICKS 6

static inline uint64_t clock_now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Twice @n instructions. */
static inline void clock_spin(unsigned long n)
{
	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(n) : : "cc");
}

/*
 * Do nothing until the timer has ticked so many times, and tell how many instructions others have
 * taken meanwhile: ticks, softirqs, kernel threads. It ends right behind a tick, so that each
 * batch meets the ticks at the same places.
 */
static inline uint64_t clock_settle(void)
{
	uint64_t taken = 0;

	for (int ticks = 0; ticks < SETTLE_TICKS;) {
		uint64_t begin = clock_now(), others;

		clock_spin(SPIN);
		others = clock_now() - begin - SPIN_COST;
		if (others >= TICK_LEAST) {
			taken += others;
			ticks++;
		}
	}
	return taken;
}

/* ---- small files of proc ---- */

/* The number behind @key. No stdio: its buffer would come and go with each call. */
static inline long proc_number(const char *path, const char *key)
{
	char text[4096], *at;
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		tb_fail("%s: %s", path, strerror(errno));
	close(fd);
	text[n] = '\0';
	at = strstr(text, key);
	if (!at)
		tb_fail("%s has no %s", path, key);
	return strtol(at + strlen(key), NULL, 10);
}

/*
 * The agent's heart beats once in a second of the guest's time, and what that takes would be taken
 * for the operation's.
 */
static inline long agent_runs(void)
{
	return proc_number("/proc/1/status", "\nvoluntary_ctxt_switches:");
}

/* ---- one batch of an operation ---- */

struct batch {
	uint64_t quiet;		/* what others take of a quiet time */
	uint64_t begun;		/* when the clock was started */
	uint64_t timed, deferred, pass;
	bool passed;		/* there is a pass to be had on this kernel */
	long kept;		/* tables, or -1 where nobody counted them */
	long agent;		/* how often it had the CPU: before the batch, then meanwhile */
	unsigned long ops;
};

/* All that the preparation has left behind is done before the batch begins. */
static inline void batch_begin(struct batch *b)
{
	*b = (struct batch){ .kept = -1, .agent = agent_runs() };
	clock_settle();
	b->quiet = clock_settle();
}

static inline void batch_go(struct batch *b)
{
	b->begun = clock_now();
}

static inline void batch_halt(struct batch *b)
{
	b->timed += clock_now() - b->begun;
}

static inline void batch_end(struct batch *b, unsigned long ops)
{
	uint64_t after = clock_settle();

	b->deferred = after > b->quiet ? after - b->quiet : 0;
	b->ops = ops;
	b->agent = agent_runs() - b->agent;
}

#endif
