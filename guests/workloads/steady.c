// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fixed amount of work, timed by the TSC: whatever takes the CPU from a workload while it runs
 * makes this one take longer. In a guest whose TSC counts instructions it shows to the last one.
 *
 * --rounds=N: so often a page of each of 64 tables is touched, and all of them are given back.
 */
#include "tb.h"

#define TABLES 64UL

static uint64_t tsc(void)
{
	return __builtin_ia32_rdtsc();
}

int main(int argc, char **argv)
{
	unsigned long rounds = tb_number(argc, argv, "rounds");
	char *area;
	uint64_t begin;

	tb_no_huge_pages();
	area = tb_map(TABLES * TB_TABLE);
	begin = tsc();
	while (rounds--) {
		for (unsigned long i = 0; i < TABLES; i++)
			area[i * TB_TABLE] = 1;
		tb_give_back(area, TABLES * TB_TABLE);
	}
	tb_value("tsc", tsc() - begin);
	return 0;
}
