// SPDX-License-Identifier: GPL-2.0-only
/*
 * One written page in every 2 MiB: each table holds one entry that nothing can bring back, so none
 * may go.
 */
#include "tb-press.h"

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	unsigned long tables = span / TB_TABLE;
	enum tb_press press = tb_press_asked(argc, argv);
	char *area, *p;

	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	for (unsigned long i = 0; i < tables; i++)	/* each slot of a table has its turn */
		tb_fill_page(area + i * TB_TABLE + i % 512 * TB_PAGE);
	tb_phase("peak");
	/*
	 * Giving back the neighbours empties no table, and is where a kernel that counts wrongly
	 * would take one.
	 */
	for (unsigned long i = 0; i < tables; i++) {
		p = area + i * TB_TABLE;
		if (i % 512)
			tb_give_back(p, i % 512 * TB_PAGE);
		if (i % 512 < 511)
			tb_give_back(p + (i % 512 + 1) * TB_PAGE, (511 - i % 512) * TB_PAGE);
	}
	tb_phase("after");
	tb_press(press, TB_SELF);
	for (unsigned long i = 0; i < tables; i++)
		tb_check_page(area + i * TB_TABLE + i % 512 * TB_PAGE);
	return 0;
}
