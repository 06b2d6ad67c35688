// SPDX-License-Identifier: GPL-2.0-only
/*
 * Touches all of a span, then gives it back in pieces that are smaller than what a page table
 * spans.
 */
#include "tb-press.h"

int main(int argc, char **argv)
{
	unsigned long piece = tb_size(argc, argv, "piece", TB_PAGE);
	unsigned long span = tb_size(argc, argv, "span", piece);
	enum tb_press press = tb_press_asked(argc, argv);
	char *area, *p;

	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	for (p = area; p < area + span; p += TB_PAGE)
		tb_fill_page(p);
	tb_phase("peak");
	for (p = area; p < area + span; p += piece) {
		/* The neighbours of what is gone must still be there. */
		tb_check_page(p);
		tb_check_page(p + piece - TB_PAGE);
		tb_give_back(p, piece);
	}
	tb_phase("after");
	tb_press(press, TB_SELF);
	tb_check_zero_samples(area, span);
	return 0;
}
