// SPDX-License-Identifier: GPL-2.0-only
/*
 * One read in every 2 MiB: the shared zeropage everywhere, a page table for each, and no memory
 * that counts as used.
 */
#include "tb-press.h"

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	enum tb_press press = tb_press_asked(argc, argv);
	char *area, *p;

	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	for (p = area; p < area + span; p += TB_TABLE)
		tb_check_zero_page(p);
	tb_phase("peak");
	/* Nothing is given back: the tables hold nothing that a fault would not bring again. */
	tb_phase("after");
	tb_press(press, TB_SELF);
	for (p = area; p < area + span; p += TB_TABLE)
		tb_check_zero_page(p);
	return 0;
}
