// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of the level above: one page is touched in each GiB, so that each takes a PMD table
 * and a PTE table of its own, and then nothing is needed of either. --way says how it is given back:
 *
 *   munmap    the 2 MiB around each page are unmapped, and mapped again untouched. That frees the PTE
 *             table, as it does everywhere; the rest of the GiB is mapped, so the PMD table stays;
 *   dontneed  the page goes by MADV_DONTNEED, and whether its PTE table does is the kernel's choice.
 */
#include "tb-press.h"

#define TB_PMD_TABLE (1UL << 30)	/* what one PMD table spans */

enum way { MUNMAP, DONTNEED };

/* Each at another place, so that each slot of a PMD table has its turn. */
static char *touched(char *area, unsigned long gib)
{
	return area + gib * TB_PMD_TABLE + gib % 512 * TB_TABLE;
}

static void map_anew(char *table)
{
	if (munmap(table, TB_TABLE) ||
	    mmap(table, TB_TABLE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != table)
		tb_fail("2 MiB at %p: %s", (void *)table, strerror(errno));
}

int main(int argc, char **argv)
{
	static const char *const ways[] = { "munmap", "dontneed", NULL };
	unsigned long gibs = tb_size(argc, argv, "span", TB_PMD_TABLE) / TB_PMD_TABLE;
	enum way way = tb_choice(argc, argv, "way", ways);
	enum tb_press press = tb_press_asked(argc, argv);
	char *area;

	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(gibs * TB_PMD_TABLE);
	for (unsigned long i = 0; i < gibs; i++)
		tb_fill_page(touched(area, i));
	tb_phase("peak");
	for (unsigned long i = 0; i < gibs; i++)
		if (way == MUNMAP)
			map_anew(touched(area, i));
		else
			tb_give_back(touched(area, i), TB_PAGE);
	tb_phase("after");
	tb_press(press, TB_SELF);
	for (unsigned long i = 0; i < gibs; i += 97)
		tb_check_zero_page(touched(area, i));
	return 0;
}
