// SPDX-License-Identifier: GPL-2.0-only
/*
 * A span is dirtied and given back by MADV_FREE in small pieces. The pages stay until memory is
 * short, and when they go no call of the program's is under way that could look at the tables. Some
 * pages are written again before that, and must stay.
 */
#include "tb-press.h"

/* One page of every sixty-fourth table: 1/64 of the tables are needed to the end. */
static bool taken_back(unsigned long page)
{
	return page % (64 * 512) == 777;
}

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
	for (p = area; p < area + span; p += piece)
		if (madvise(p, piece, MADV_FREE))
			tb_fail("MADV_FREE: %s", strerror(errno));
	for (unsigned long i = 0; i < span / TB_PAGE; i++)
		if (taken_back(i))
			tb_fill_page(area + i * TB_PAGE);
	tb_phase("after");
	tb_press(press, TB_SELF);
	tb_value("pages_left", tb_count(area, span, TB_PAGE, TB_PRESENT));
	for (unsigned long i = 0; i < span / TB_PAGE; i++)
		if (taken_back(i))
			tb_check_page(area + i * TB_PAGE);
	return 0;
}
