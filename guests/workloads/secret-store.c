// SPDX-License-Identifier: GPL-2.0-only
/*
 * A secret kept where no memory is: a bit is a page that was read once (the shared zeropage) or
 * never, so that it is stored in which entries of sparse tables are populated. The store is read
 * back by pagemap and by mincore(). A kernel that has reclaimed such tables gives no bit of it back.
 */
#include "tb-press.h"

#define WORDS (512 / 64)	/* what one table stores */

static uint64_t secret(unsigned long table, int word)
{
	return tb_mix(table * WORDS + word + 1);
}

static void store(char *area, unsigned long tables)
{
	for (unsigned long t = 0; t < tables; t++)
		for (int i = 0; i < 512; i++)
			if (secret(t, i / 64) >> i % 64 & 1)
				tb_check_zero_page(area + t * TB_TABLE + i * TB_PAGE);
}

/* How many bits are right, and how many of them are 1, as pagemap shows them and as mincore() does. */
struct seen {
	long right, ones, right_by_mincore;
};

static struct seen read_back(char *area, unsigned long tables)
{
	static unsigned char resident[512];
	struct seen seen = { 0 };

	for (unsigned long t = 0; t < tables; t++) {
		if (mincore(area + t * TB_TABLE, TB_TABLE, resident))
			tb_fail("mincore: %s", strerror(errno));
		for (int i = 0; i < 512; i++) {
			bool bit = secret(t, i / 64) >> i % 64 & 1;
			char *page = area + t * TB_TABLE + i * TB_PAGE;
			bool there = tb_pagemap(page) & TB_PRESENT;

			seen.right += there == bit;
			seen.ones += there;
			seen.right_by_mincore += (resident[i] & 1) == bit;
		}
	}
	return seen;
}

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	unsigned long tables = span / TB_TABLE;
	enum tb_press press = tb_press_asked(argc, argv);
	struct seen seen;
	char *area;

	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	store(area, tables);
	tb_phase("peak");
	seen = read_back(area, tables);
	if (seen.right != (long)tables * 512 || seen.right_by_mincore != (long)tables * 512)
		tb_fail("the store does not work: of %lu bits, %ld are right by pagemap, %ld by mincore",
			tables * 512, seen.right, seen.right_by_mincore);
	tb_phase("after");
	tb_press(press, TB_SELF);
	seen = read_back(area, tables);
	/* Guessing gets half of them; every 1 that is still to be seen is one too many. */
	tb_value("bits_right", seen.right);
	tb_value("bits_right_by_mincore", seen.right_by_mincore);
	tb_value("ones_left", seen.ones);
	return 0;
}
