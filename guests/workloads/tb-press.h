/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Phase `pressed`: between `after` and it, the workload asks for reclaim itself, by --press=
 *
 *   knob    a pass over its own tables (or all), by the file that PGTABLE_RECLAIM brings;
 *   cgroup  memory.reclaim of its own cgroup, until nothing more is to be had;
 *   limit   memory.high of its own cgroup far below what it holds, for a moment. A limit that kills
 *           is memcg-survival's.
 *
 * A kernel without the file does nothing then, and the value `press` says so by 0.
 */
#ifndef TB_PRESS_H
#define TB_PRESS_H

#include "tb-file.h"

#include <time.h>

#define TB_KNOB "/sys/kernel/mm/pgtable_reclaim/reclaim"
#define TB_DELAY "/sys/kernel/mm/pgtable_reclaim/debug_delay_us"
#define TB_STEP "16M"
#define TB_VAIN 5		/* as many tries in a row without effect: there is no more */

enum tb_press { TB_PRESS_KNOB, TB_PRESS_CGROUP, TB_PRESS_LIMIT };
enum tb_whom { TB_SELF, TB_EVERYBODY };

static inline enum tb_press tb_press_asked(int argc, char **argv)
{
	static const char *const ways[] = { "knob", "cgroup", "limit", NULL };

	return tb_choice(argc, argv, "press", ways);
}

static inline void tb_sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Between each two steps of who removes a table; -1 where the kernel has no such delay. */
static inline long tb_set_delay(unsigned long us)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", us);
	return tb_put(TB_DELAY, text) ? (long)us : -1;
}

/* A pass: 1 if there was one, 0 where the kernel has none. */
static inline int tb_pass(enum tb_whom whom)
{
	char pid[16] = "1";

	if (whom == TB_SELF)
		snprintf(pid, sizeof(pid), "%d", getpid());
	if (tb_put(TB_KNOB, pid))
		return 1;
	if (errno != ENOENT)
		tb_fail("%s into %s: %s", pid, TB_KNOB, strerror(errno));
	return 0;
}

/*
 * How many steps got something: brought the cgroup below all that was before. What a step says of
 * itself is no measure: one that is refused (EAGAIN: less than was asked) may have freed something
 * that waits for RCU, and one that is granted may have swapped out what comes back at once.
 */
static inline int tb_reclaim_cgroup(void)
{
	long long least = tb_cgroup_number("memory.current"), now;
	int steps = 0;

	for (int vain = 0; vain < TB_VAIN; vain++) {
		if (!tb_put(tb_cgroup_file("memory.reclaim"), TB_STEP) && errno != EAGAIN)
			tb_fail("%s: %s", tb_cgroup_file("memory.reclaim"), strerror(errno));
		tb_sleep_ms(10);
		now = tb_cgroup_number("memory.current");
		if (now < least) {
			least = now;
			vain = -1;
			steps++;
		}
	}
	return steps;
}

/*
 * Lowering memory.high reclaims at once, and gives up after some vain tries. It is high again
 * before we ask for anything, or we would be made to sleep.
 */
static inline int tb_reclaim_limit(void)
{
	long long before = tb_cgroup_number("memory.current");
	int fd = open(tb_cgroup_file("memory.high"), O_WRONLY | O_CLOEXEC);

	for (int i = 0; i < TB_VAIN; i++) {
		if (pwrite(fd, "1M", 2, 0) != 2 || pwrite(fd, "max", 3, 0) != 3)
			tb_fail("memory.high: %s", strerror(errno));
		tb_sleep_ms(10);
	}
	close(fd);
	return tb_cgroup_number("memory.current") < before;
}

static inline void tb_press(enum tb_press way, enum tb_whom whom)
{
	int got = way == TB_PRESS_KNOB ? tb_pass(whom) :
		  way == TB_PRESS_CGROUP ? tb_reclaim_cgroup() : tb_reclaim_limit();

	tb_value("press", got);
	tb_phase("pressed");
}

#endif
