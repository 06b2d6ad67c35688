// SPDX-License-Identifier: GPL-2.0-only
/*
 * A secret kept where no memory is: a bit is a page that was read once (the shared zeropage) or
 * never, so that it is stored in which entries of sparse tables are populated. The store is read
 * back by pagemap. A kernel that has reclaimed such tables gives no bit of it back.
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

/* How many bits are right, of those that are 1 and of all. */
static void read_back(const char *area, unsigned long tables, long *ones, long *right)
{
	*ones = *right = 0;
	for (unsigned long t = 0; t < tables; t++)
		for (int i = 0; i < 512; i++) {
			bool there = tb_pagemap(area + t * TB_TABLE + i * TB_PAGE) & TB_PRESENT;

			*ones += there;
			*right += there == (secret(t, i / 64) >> i % 64 & 1);
		}
}

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	unsigned long tables = span / TB_TABLE;
	enum tb_press press = tb_press_asked(argc, argv);
	long ones, right;
	char *area;

	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	store(area, tables);
	tb_phase("peak");
	read_back(area, tables, &ones, &right);
	if (right != (long)tables * 512)
		tb_fail("the store does not work: %ld of %lu bits are right", right, tables * 512);
	tb_phase("after");
	tb_press(press, TB_SELF);
	read_back(area, tables, &ones, &right);
	tb_value("ones_stored", ones);
	/* Guessing 0 everywhere gets half of them; what is told here is what is beyond a guess. */
	tb_value("bits_right", right);
	return 0;
}
