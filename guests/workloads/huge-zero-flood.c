// SPDX-License-Identifier: GPL-2.0-only
/*
 * One read in every 2 MiB where huge pages are asked for: one huge page of zeroes everywhere, and
 * behind each entry that maps it a PTE table is deposited, which no walk from the top meets.
 */
#include "tb-press.h"

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	enum tb_press press = tb_press_asked(argc, argv);
	char *area, *p;

	tb_phase("start");
	area = tb_map(span);
	if (madvise(area, span, MADV_HUGEPAGE))
		tb_fail("MADV_HUGEPAGE: %s", strerror(errno));
	for (p = area; p < area + span; p += TB_TABLE)
		tb_check_zero_page(p);
	tb_phase("peak");
	/* All are still mapped, each by one read: the last page of each is there as well. */
	if (tb_count(area + TB_TABLE - TB_PAGE, span, TB_TABLE, TB_PRESENT) != span / TB_TABLE)
		tb_fail("this kernel maps no huge page of zeroes, so there is nothing to see");
	tb_phase("after");
	tb_press(press, TB_SELF);
	for (p = area; p < area + span; p += TB_TABLE) {
		tb_check_zero_page(p);
		tb_check_zero_page(p + TB_TABLE - TB_PAGE);
	}
	/* What is written now is written to memory of our own, whatever lay there before. */
	for (p = area; p < area + 4 * TB_TABLE; p += TB_TABLE)
		tb_fill_page(p + TB_TABLE / 2);
	for (p = area; p < area + 4 * TB_TABLE; p += TB_TABLE) {
		tb_check_page(p + TB_TABLE / 2);
		tb_check_zero_page(p);
	}
	return 0;
}
