// SPDX-License-Identifier: GPL-2.0-only
/* Touches a step of memory, gives it back, goes on to the next: the loop of all earlier series. */
#include "tb-press.h"

int main(int argc, char **argv)
{
	unsigned long step = tb_size(argc, argv, "step", TB_PAGE);
	unsigned long span = tb_size(argc, argv, "span", step);
	enum tb_press press = tb_press_asked(argc, argv);
	char *area, *p;

	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	for (p = area; p < area + span; p += step) {
		for (char *page = p; page < p + step; page += TB_PAGE)
			tb_fill_page(page);
		/*
		 * A kernel that keeps every table has them all by now, and the last step is still
		 * needed by any.
		 */
		if (p + step == area + span)
			tb_phase("peak");
		tb_check_page(p);
		tb_check_page(p + step - TB_PAGE);
		tb_give_back(p, step);
	}
	tb_phase("after");
	tb_press(press, TB_SELF);
	tb_check_zero_samples(area, span);
	return 0;
}
