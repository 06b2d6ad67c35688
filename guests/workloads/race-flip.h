/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages that show the zeropage to one thread while another is about to write them. Once the write
 * is published, the reader must see it: one that still sees zeroes reads through a translation that
 * somebody forgot to flush when he took the zeropage's entry away.
 */
#ifndef RACE_FLIP_H
#define RACE_FLIP_H

#include "race.h"

#include <sched.h>

#define SLOTS 8
#define BALLAST 48			/* tables */
#define READER_MS 50		/* patience: the reader may not run now */
#define PASS_S 2			/* the same for the next pass */
#define PASS_US 1000			/* how long one takes over these tables, roughly */

/* `turn` counts on through the states of a page; only in RESTS and STANDS is sure what it holds. */
enum { RESTS, IS_WRITTEN, STANDS, IS_GIVEN_BACK, NR_TURNS };

struct slot {
	char *page;		/* alone in its table, so that the table holds zeropages at most */
	atomic_ulong turn;
	atomic_ulong seen;	/* the last turn that the reader has seen to the end */
};

static struct slot slots[SLOTS];
static char *ballast;
static bool has_passes;
static atomic_ulong passes_begun;

static uint64_t flip_value(const struct slot *s, unsigned long turn)
{
	return tb_mix((uintptr_t)s->page ^ turn) | 1;
}

static void make_slots(void)
{
	char *area = tb_map((SLOTS + BALLAST) * TB_TABLE);

	ballast = area + SLOTS * TB_TABLE;
	for (int i = 0; i < SLOTS; i++)
		slots[i].page = area + i * TB_TABLE + i * 61 * TB_PAGE;
}

/*
 * Writer, reader and who asks for passes are never on the same CPU, where there are enough: the
 * first two see nothing wrong of each other there, and the third stays on its CPU until it has
 * flushed, or should have.
 */
enum { WRITERS_CPU, READERS_CPU, PASSES_CPU };

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (cpu < sysconf(_SC_NPROCESSORS_ONLN) && sched_setaffinity(0, sizeof(set), &set))
		tb_fail("CPU %d: %s", cpu, strerror(errno));
}

static void *read_slots(void *arg)
{
	(void)arg;
	stay_on(READERS_CPU);
	for (unsigned int i = 0; !atomic_load(&over); i++) {
		struct slot *s = &slots[i % SLOTS];
		unsigned long turn = atomic_load(&s->turn);
		uint64_t got = *(volatile uint64_t *)s->page;
		uint64_t want = turn % NR_TURNS == STANDS ? flip_value(s, turn) : 0;

		/* Sure only if it was at rest all the time. */
		if (atomic_load(&s->turn) != turn || turn % 2)
			continue;
		if (got != want)
			tb_fail("stale: %p holds %#llx to its reader, and %#llx was published (turn %lu)",
				(void *)s->page, (unsigned long long)got,
				(unsigned long long)want, turn);
		atomic_store(&s->seen, turn);
		did(POLLED);
		if (i % 1024 == 0)
			sched_yield();
	}
	return NULL;
}

static void wait_for_the_reader(void)
{
	for (int i = 0; i < SLOTS; i++)
		for (int ms = 0; ms < READER_MS && !atomic_load(&over) &&
		     atomic_load(&slots[i].seen) != atomic_load(&slots[i].turn); ms++)
			tb_sleep_ms(1);
}

/*
 * More tables of the zeropage, behind those of the slots. A pass takes them after these, so that it
 * is a while until it ends, and frees, and flushes for that reason.
 */
static void read_ballast(void)
{
	for (int i = 0; i < BALLAST; i++)
		if (*(volatile uint64_t *)(ballast + i * TB_TABLE))
			tb_fail("what nobody wrote is not zero at %p",
				(void *)(ballast + i * TB_TABLE));
}

/*
 * In half of the rounds, into the middle of a pass that has begun: between taking a zeropage away and
 * the flush at the latest that goes with freeing the table. (To ask where the pass is would be to
 * wait for its mmap_lock; a fault needs none.) The pass returns much later, after a grace period.
 */
static void wait_for_a_pass(uint64_t *random)
{
	unsigned long begun = atomic_load(&passes_begun), us = tb_random(random) % PASS_US;
	struct timespec from, now;

	if (!has_passes || tb_random(random) & 1)
		return;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (atomic_load(&passes_begun) == begun && now.tv_sec <= from.tv_sec + PASS_S &&
	       !atomic_load(&over));
	from = now;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 <
	       (long)us);
	did(MIDWAY);
}

static void write_slot(struct slot *s)
{
	unsigned long turn = atomic_fetch_add(&s->turn, 1) + 2;

	*(volatile uint64_t *)s->page = flip_value(s, turn);
	atomic_store(&s->turn, turn);
}

static void *flip_slots(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	stay_on(WRITERS_CPU);
	while (!atomic_load(&over)) {
		if (has_passes)
			read_ballast();
		wait_for_the_reader();
		wait_for_a_pass(&random);
		for (struct slot *s = slots; s < slots + SLOTS; s++)
			write_slot(s);
		wait_for_the_reader();
		for (struct slot *s = slots; s < slots + SLOTS; s++) {
			atomic_fetch_add(&s->turn, 1);
			tb_give_back(s->page, TB_PAGE);
			atomic_fetch_add(&s->turn, 1);
			did(FLIPPED);
		}
	}
	return NULL;
}

#endif
