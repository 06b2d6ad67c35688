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
#define READER_MS 50		/* patience: the reader may not run now */
#define PASS_MS 2000		/* a pass waits for a grace period, on a busy host for several ticks */

/* `turn` counts on through the states of a page; only in RESTS and STANDS is sure what it holds. */
enum { RESTS, IS_WRITTEN, STANDS, IS_GIVEN_BACK, NR_TURNS };

struct slot {
	char *page;		/* alone in its table, so that the table holds zeropages at most */
	atomic_ulong turn;
	atomic_ulong seen;	/* the last turn that the reader has seen to the end */
};

static struct slot slots[SLOTS];
static bool has_passes;

static uint64_t flip_value(const struct slot *s, unsigned long turn)
{
	return tb_mix((uintptr_t)s->page ^ turn) | 1;
}

static void make_slots(void)
{
	char *area = tb_map(SLOTS * TB_TABLE);

	for (int i = 0; i < SLOTS; i++)
		slots[i].page = area + i * TB_TABLE + i * 61 * TB_PAGE;
}

static void *read_slots(void *arg)
{
	(void)arg;
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

/* In half of the rounds right after a pass over tables that hold nothing else; else beside one. */
static void wait_for_a_pass(uint64_t *random)
{
	unsigned long passes = atomic_load(&ops[PASSES]);

	if (!has_passes || tb_random(random) & 1)
		return;
	for (int ms = 0; ms < PASS_MS && !atomic_load(&over) &&
	     atomic_load(&ops[PASSES]) < passes + 2; ms++)
		tb_sleep_ms(1);
}

static void *flip_slots(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	while (!atomic_load(&over)) {
		wait_for_the_reader();
		wait_for_a_pass(&random);
		for (struct slot *s = slots; s < slots + SLOTS; s++) {
			unsigned long turn = atomic_fetch_add(&s->turn, 1) + 2;

			*(volatile uint64_t *)s->page = flip_value(s, turn);
			atomic_store(&s->turn, turn);
		}
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
