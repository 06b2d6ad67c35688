// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADV_DONTNEED that empties a table, and a fault that fills it again. One thread fills the first
 * page of a table and gives it back; the other, a moment after the first has begun and each time
 * another moment, fills a page of the same table, which must hold what was written once both are
 * through. Then the next table, over more of them than any kernel lets lie empty.
 */
#include "tb-race.h"

static char *area;
static unsigned long span, moment;	/* in ns, at most */
static uint64_t randomness;
static atomic_ulong begun, given_back, filled;	/* the round */
static atomic_ulong rounds, beside;

static char *table_of(unsigned long round)
{
	return area + round % (span / TB_TABLE) * TB_TABLE;
}

static unsigned long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

static bool wait_until(atomic_ulong *counter, unsigned long round)
{
	while (atomic_load(counter) != round)
		if (atomic_load(&over))
			return false;
	return true;
}

static char *page_of(unsigned long round)
{
	return table_of(round) + (1 + round % 511) * TB_PAGE;
}

/*
 * It is this one that looks at the page in the end, not who wrote it: his CPU may remember where the
 * page lies, table or not.
 */
static void *empty(void *arg)
{
	for (unsigned long round = 1; !atomic_load(&over); round++) {
		tb_fill_page(table_of(round));
		atomic_store(&begun, round);
		tb_give_back(table_of(round), TB_PAGE);
		atomic_store(&given_back, round);
		if (!wait_until(&filled, round))
			break;
		tb_check_page(page_of(round));
		tb_check_zero_page(table_of(round));
		tb_give_back(table_of(round), TB_TABLE);
		atomic_fetch_add(&rounds, 1);
	}
	return arg;
}

static void *fill(void *arg)
{
	for (unsigned long round = 1; wait_until(&begun, round); round++) {
		unsigned long until = now() + tb_random(&randomness) % moment;

		while (now() < until)
			;
		tb_fill_page(page_of(round));
		if (atomic_load(&given_back) != round)
			atomic_fetch_add(&beside, 1);
		atomic_store(&filled, round);
	}
	return arg;
}

static bool did_all(void)
{
	return atomic_load(&beside);
}

int main(int argc, char **argv)
{
	static void *(*const runs[])(void *) = { empty, fill };
	unsigned long seconds = tb_number(argc, argv, "seconds");
	unsigned long delay = tb_number_or_none(argc, argv, "delay_us");

	tb_no_huge_pages();
	randomness = tb_number(argc, argv, "seed");
	span = tb_size(argc, argv, "span", TB_TABLE);
	moment = (100 + 2 * delay) * 1000;
	area = tb_map(span);
	tb_phase("start");
	tb_value("delay_us", tb_set_delay(delay));
	tb_race(runs, 2, NULL, seconds, did_all);
	tb_set_delay(0);
	tb_value("rounds", atomic_load(&rounds));
	tb_value("beside", atomic_load(&beside));
	if (!did_all())
		tb_fail("in all the time no page was filled while another was given back");
	tb_give_back(area, span);
	tb_phase("after");
	tb_press(TB_PRESS_KNOB, TB_EVERYBODY);
	return 0;
}
