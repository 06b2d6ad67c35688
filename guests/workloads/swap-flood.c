// SPDX-License-Identifier: GPL-2.0-only
/*
 * One written page in every 2 MiB, and all of them swapped out: tables without one present entry,
 * each of which is the only thing that knows where a page is. None may go.
 */
#include "tb-press.h"
#include "tb-swap.h"

/* Each slot of a table has its turn. */
static char *page_of(char *area, unsigned long table)
{
	return area + table * TB_TABLE + table % 512 * TB_PAGE;
}

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	unsigned long tables = span / TB_TABLE, room = tb_swap_on();
	enum tb_press press = tb_press_asked(argc, argv);
	char *area;

	if (room < tables)
		tb_fail("the RAM disk takes %lu pages, --span=%lu needs %lu", room, span, tables);
	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	for (unsigned long t = 0; t < tables; t++)
		tb_fill_page(page_of(area, t));
	tb_swap_out(area, span, page_of, tables);
	tb_phase("peak");
	tb_phase("after");
	tb_press(press, TB_SELF);
	for (unsigned long t = 0; t < tables; t++)
		if (!(tb_pagemap(page_of(area, t)) & TB_SWAPPED))
			tb_fail("the entry of a page in swap is gone at %p",
				(void *)page_of(area, t));
	for (unsigned long t = 0; t < tables; t++)
		tb_check_page(page_of(area, t));
	return 0;
}
