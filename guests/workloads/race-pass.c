// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pass over tables of zeropages, and who writes to them meanwhile.
 *
 * A translation that nobody flushed: one thread looks at the first page all the time; the pass takes
 * away the table that maps it, and then goes on to many others; the third thread sees the entry gone
 * and writes to the page at once. The first must see what was written: if it still sees zeroes, its
 * CPU reads by an entry that is gone. That takes three CPUs. A pass is not preempted, and the fault
 * of the writer would mend what the reader's CPU remembers if it were the same.
 *
 * A table that is not what it was: until the pass is over, the writer goes on to write to the tables
 * that it comes to next. It may have looked at them and not locked them yet. Nothing may be lost.
 */
#include "tb-race.h"

/* `turn` counts on through the states of the page; only in RESTS and STANDS is sure what it holds. */
enum { RESTS, IS_WRITTEN, STANDS, IS_GIVEN_BACK, NR_TURNS };

static char *area;		/* the page that is watched is its first one, so the pass meets it first */
static unsigned long span;
static unsigned char *written;	/* by table: which page of it, 0 for none */
static uint64_t randomness;
static atomic_ulong turn, seen, asked, passes, rounds, beside, writes, looks;
static bool has_passes;

static uint64_t value(unsigned long at_turn)
{
	return tb_mix(at_turn) | 1;
}

static void *look(void *arg)
{
	while (!atomic_load(&over)) {
		unsigned long now = atomic_load(&turn);
		uint64_t got = *(volatile uint64_t *)area;
		uint64_t want = now % NR_TURNS == STANDS ? value(now) : 0;

		/* Sure only if it was at rest all the time. */
		if (atomic_load(&turn) != now || now % 2)
			continue;
		if (got != want)
			tb_fail("stale: %p holds %#llx to its reader, and %#llx was published (turn %lu)",
				(void *)area, (unsigned long long)got, (unsigned long long)want,
				now);
		atomic_store(&seen, now);
		atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed);
	}
	return arg;
}

static void *pass(void *arg)
{
	while (!atomic_load(&over)) {
		if (atomic_load(&passes) == atomic_load(&asked)) {
			tb_sleep_ms(1);
			continue;
		}
		if (!tb_pass(TB_SELF))
			tb_fail("%s: %s", TB_KNOB, strerror(errno));
		atomic_fetch_add(&passes, 1);
	}
	return arg;
}

static bool pass_is_on(void)
{
	return atomic_load(&passes) != atomic_load(&asked);
}

/* Until the reader has seen the page as it is now. */
static void wait_for_the_reader(void)
{
	while (!atomic_load(&over) && atomic_load(&seen) != atomic_load(&turn))
		tb_sleep_ms(1);
}

/*
 * Tables go one after the other, so the first that is still there, from @from on, is the one that
 * the pass looks at now, or will soon: write to it or close behind it, where a zeropage is or where
 * nothing is. Return: where to go on.
 */
static unsigned long write_in_front(unsigned long from)
{
	unsigned long i = from;

	while (i < span / TB_TABLE && (written[i] || !(tb_pagemap(area + i * TB_TABLE) & TB_PRESENT)))
		i++;
	from = i;
	i += tb_random(&randomness) % 3;
	if (i >= span / TB_TABLE || written[i])
		return from;
	written[i] = 1 + (tb_random(&randomness) & 1);
	tb_fill_page(area + i * TB_TABLE + (written[i] - 1) * TB_PAGE);
	atomic_fetch_add(&writes, 1);
	return from;
}

static void check_what_was_written(void)
{
	for (unsigned long i = 1; i < span / TB_TABLE; i++) {
		if (written[i])
			tb_check_page(area + i * TB_TABLE + (written[i] - 1) * TB_PAGE);
		written[i] = 0;
	}
}

static void go_round(void)
{
	unsigned long now, front = 1;

	for (char *p = area; p < area + span; p += TB_TABLE)
		tb_check_zero_page(p);
	wait_for_the_reader();
	if (has_passes) {
		atomic_fetch_add(&asked, 1);
		while (!atomic_load(&over) && pass_is_on() && tb_pagemap(area) & TB_PRESENT)
			;
	}
	now = atomic_fetch_add(&turn, 1) + 2;
	*(volatile uint64_t *)area = value(now);
	atomic_store(&turn, now);
	if (pass_is_on())
		atomic_fetch_add(&beside, 1);
	while (!atomic_load(&over) && pass_is_on())
		front = write_in_front(front);
	check_what_was_written();
	wait_for_the_reader();
	atomic_fetch_add(&turn, 1);
	tb_give_back(area, span);
	atomic_fetch_add(&turn, 1);
	atomic_fetch_add(&rounds, 1);
}

static void *write_beside(void *arg)
{
	while (!atomic_load(&over))
		go_round();
	return arg;
}

static bool did_all(void)
{
	return atomic_load(&rounds) && (!has_passes || (atomic_load(&beside) && atomic_load(&writes)));
}

int main(int argc, char **argv)
{
	static void *(*const runs[])(void *) = { look, write_beside, pass };
	unsigned long seconds = tb_number(argc, argv, "seconds");
	unsigned long delay = tb_number_or_none(argc, argv, "delay_us");

	tb_no_huge_pages();
	randomness = tb_number(argc, argv, "seed");
	span = tb_size(argc, argv, "span", TB_TABLE);
	written = tb_book(span / TB_TABLE);
	has_passes = !access(TB_KNOB, W_OK);
	area = tb_map(span);
	tb_phase("start");
	tb_value("delay_us", tb_set_delay(delay));
	tb_race(runs, has_passes ? 3 : 2, NULL, seconds, did_all);
	tb_set_delay(0);
	tb_value("rounds", atomic_load(&rounds));
	tb_value("beside", atomic_load(&beside));
	tb_value("passes", atomic_load(&passes));
	tb_value("writes", atomic_load(&writes));
	tb_value("looks", atomic_load(&looks));
	if (!did_all())
		tb_fail("in all the time no page was written while a pass was on");
	tb_give_back(area, span);
	tb_phase("after");
	tb_press(TB_PRESS_KNOB, TB_EVERYBODY);
	return 0;
}
