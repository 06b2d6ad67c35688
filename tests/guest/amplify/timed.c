// SPDX-License-Identifier: GPL-2.0-only
/* Gives a page back --calls=N times, and tells how long a call takes and how many CPUs there are. */
#include "tb.h"

#include <time.h>

static long long now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t))
		tb_fail("clock_gettime: %s", strerror(errno));
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned long calls = tb_number(argc, argv, "calls");
	char *page = tb_map(TB_PAGE);
	long long begin;

	tb_phase("start");
	begin = now();
	for (unsigned long i = 0; i < calls; i++)
		tb_give_back(page, TB_PAGE);
	tb_value("ns", (now() - begin) / (long long)calls);
	tb_value("cpus", sysconf(_SC_NPROCESSORS_ONLN));
	return 0;
}
