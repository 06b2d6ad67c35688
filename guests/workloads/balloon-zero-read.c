// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU with an inflated balloon: all of a guest's RAM was in use, the balloon gave most of it back
 * page by page, and then a dump or a migration reads all of it. Each page that was given back is
 * the shared zeropage from then on, and the tables that map it are as many as ever.
 */
#include "tb-press.h"

/* Every sixteenth part of the RAM is what the guest goes on using. */
static bool in_use(unsigned long table)
{
	return table % 16 == 5;
}

static void read_all(char *ram, unsigned long tables)
{
	for (unsigned long t = 0; t < tables; t++)
		for (unsigned long i = 0; i < 512; i++) {
			char *page = ram + t * TB_TABLE + i * TB_PAGE;

			if (in_use(t))
				tb_check_page(page);
			else
				tb_check_zero_page(page);
		}
}

int main(int argc, char **argv)
{
	unsigned long tables = tb_size(argc, argv, "ram", TB_TABLE) / TB_TABLE;
	enum tb_press press = tb_press_asked(argc, argv);
	char *ram;

	tb_no_huge_pages();
	tb_phase("start");
	ram = tb_map(tables * TB_TABLE);
	for (char *p = ram; p < ram + tables * TB_TABLE; p += TB_PAGE)
		tb_fill_page(p);
	tb_phase("peak");
	for (unsigned long t = 0; t < tables; t++)
		for (unsigned long i = 0; !in_use(t) && i < 512; i++)
			tb_give_back(ram + t * TB_TABLE + i * TB_PAGE, TB_PAGE);
	read_all(ram, tables);
	tb_phase("after");
	tb_press(press, TB_SELF);
	read_all(ram, tables);
	return 0;
}
