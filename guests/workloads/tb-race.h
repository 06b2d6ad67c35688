/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that race with each other until the time is up. */
#ifndef TB_RACE_H
#define TB_RACE_H

#include "tb-press.h"

#include <pthread.h>
#include <stdatomic.h>

#define TB_THREADS 3		/* at most */
#define TB_LONGER 4		/* times as long at most, where they did not come to everything */

static atomic_bool over;

static inline void tb_race(void *(*const runs[])(void *), int n, void *arg, unsigned long seconds,
			   bool (*did_all)(void))
{
	pthread_t threads[TB_THREADS];

	for (int i = 0; i < n; i++) {
		errno = pthread_create(&threads[i], NULL, runs[i], arg);
		if (errno)
			tb_fail("a thread: %s", strerror(errno));
	}
	tb_sleep_ms(seconds * 1000);
	for (unsigned long i = 0; i < TB_LONGER * seconds && !did_all(); i++)
		tb_sleep_ms(1000);
	atomic_store(&over, true);
	while (n)
		pthread_join(threads[--n], NULL);
}

#endif
