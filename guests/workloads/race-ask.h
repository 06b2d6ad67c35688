/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The thread that asks for passes and for reclaim in the cgroup. With nothing but flips it leaves
 * the latter out: it tries again and again for what the reader faults in again and again.
 */
#ifndef RACE_ASK_H
#define RACE_ASK_H

#include "race-flip.h"


static bool only_flips;
static long longest_pass, longest_reclaim;	/* milliseconds */

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void took(long since, long *longest)
{
	if (now_ms() - since > *longest)
		*longest = now_ms() - since;
}

static void *ask_for_reclaim(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	stay_on(PASSES_CPU);
	for (unsigned int i = 0; !atomic_load(&over); i++) {
		long since = now_ms();

		atomic_fetch_add(&passes_begun, 1);
		if (has_passes && tb_pass(i % 4 ? TB_SELF : TB_EVERYBODY))
			did(PASSES);
		took(since, &longest_pass);
		if (i % 8 == 0 && !only_flips) {
			since = now_ms();
			/* Refused or not: what is there to be had is not much. */
			if (!tb_put(tb_cgroup_file("memory.reclaim"), "4M") && errno != EAGAIN)
				tb_fail("memory.reclaim: %s", strerror(errno));
			did(RECLAIMS);
			took(since, &longest_reclaim);
		}
		if (!has_passes || tb_random(&random) & 1)
			tb_sleep_ms(1);
	}
	return NULL;
}

#endif
