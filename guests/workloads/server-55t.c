// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server of the seed mail, VIRT 55t, RES 590g, VmPTE 110g, made smaller by --divisor. At 4 KiB
 * of table for 2 MiB, 110g of tables span exactly 55t: every 2 MiB had a page once. What is
 * resident would fit into 1.2g of tables, so it lies close together; here in runs of 16 MiB, spread
 * evenly. All else is one page in each 2 MiB, given back in small pieces and in random order, as an
 * allocator's purge does.
 */
#include "tb-press.h"

#define VIRT (55UL << 40)
#define RES (590UL << 30)
#define RUN 8UL			/* tables whose pages stay, side by side */

static unsigned long tables, runs;

/* Every stride-th group of RUN tables is resident. */
static int resident(unsigned long table)
{
	unsigned long groups = tables / RUN, group = table / RUN;

	return group < groups && group * runs / groups != (group + 1) * runs / groups;
}

/* The one page of a table that was used for a while: anywhere in it. */
static unsigned long slot(unsigned long table)
{
	return tb_mix(table) % 512;
}

static void purge(char *area, unsigned long table)
{
	static const unsigned long pieces[] = { 1, 1, 1, 16, 1, 1, 1, 256 };	/* pages */
	unsigned long piece = pieces[tb_mix(~table) % 8];
	unsigned long first = slot(table) / piece * piece;

	tb_give_back(area + table * TB_TABLE + first * TB_PAGE, piece * TB_PAGE);
}

static void each_resident_page(char *area, void (*visit)(char *page))
{
	for (unsigned long t = 0; t < tables; t++)
		for (unsigned long i = 0; resident(t) && i < 512; i++)
			visit(area + t * TB_TABLE + i * TB_PAGE);
}

int main(int argc, char **argv)
{
	unsigned long divisor = tb_number(argc, argv, "divisor");
	enum tb_press press = tb_press_asked(argc, argv);
	uint64_t seed = 55;
	uint32_t *order;
	char *area;

	tables = VIRT / TB_TABLE / divisor;
	runs = (RES / TB_TABLE / divisor + RUN / 2) / RUN;
	if (!runs)
		tb_fail("--divisor=%lu leaves nothing resident", divisor);
	order = tb_book(tables * sizeof(*order));
	for (unsigned long t = 0; t < tables; t++)
		order[t] = t;
	tb_shuffle(order, tables, &seed);
	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(tables * TB_TABLE);
	for (unsigned long i = 0; i < tables; i++)
		if (!resident(order[i]))
			tb_fill_page(area + order[i] * TB_TABLE + slot(order[i]) * TB_PAGE);
	each_resident_page(area, tb_fill_page);
	tb_phase("peak");
	tb_shuffle(order, tables, &seed);
	for (unsigned long i = 0; i < tables; i++)
		if (!resident(order[i]))
			purge(area, order[i]);
	tb_phase("after");
	tb_press(press, TB_SELF);
	each_resident_page(area, tb_check_page);
	for (unsigned long i = 0; i < tables; i += 97)
		if (!resident(i))
			tb_check_zero_page(area + i * TB_TABLE + slot(i) * TB_PAGE);
	return 0;
}
