// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process maps, mapped by a secondary MMU too: zeropages, one in every 2 MiB of half of the
 * span, and huge zeropages in the other half. Then it asks for reclaim. An entry that is gone while
 * the device still has the page went without a word. The device is that of
 * tests/kernel/mutants/watcher.patch; no other kernel has it.
 */
#include "tb-press.h"

#define DEVICE "/dev/mmu_watcher"

static int device;

static void map_in_device(char *page)
{
	if (pwrite(device, "", 1, (uintptr_t)page) != 1)
		tb_fail("%s does not map %p: %s", DEVICE, (void *)page, strerror(errno));
}

static bool device_has(char *page)
{
	char has;

	if (pread(device, &has, 1, (uintptr_t)page) != 1)
		tb_fail("%s does not tell of %p: %s", DEVICE, (void *)page, strerror(errno));
	return has;
}

/* Another page of each table, so that not only its ends are told. */
static char *watched(char *area, unsigned long at)
{
	return area + at + at / TB_TABLE * 37 % (TB_TABLE / TB_PAGE) * TB_PAGE;
}

static void map_all(char *area, unsigned long span)
{
	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		tb_check_zero_page(watched(area, at));
		map_in_device(watched(area, at));
		if (!device_has(watched(area, at)))
			tb_fail("the secondary MMU has lost %p before anybody was asked",
				(void *)watched(area, at));
	}
}

/* How many entries are gone, of each of which the device has been told. */
static unsigned long gone(char *area, unsigned long span)
{
	unsigned long n = 0;

	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		char *page = watched(area, at);

		if (tb_pagemap(page) & TB_PRESENT)
			continue;
		if (device_has(page))
			tb_fail("%p is gone, and the secondary MMU still has it", (void *)page);
		n++;
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long half = tb_size(argc, argv, "span", 2 * TB_TABLE) / 2, small, huge;
	enum tb_press press = tb_press_asked(argc, argv);
	char *area = tb_map(half), *huge_area = tb_map(half);

	device = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0)
		tb_fail("%s: %s; a kernel without watcher.patch", DEVICE, strerror(errno));
	if (madvise(huge_area, half, MADV_HUGEPAGE))
		tb_fail("MADV_HUGEPAGE: %s", strerror(errno));
	tb_phase("start");
	map_all(area, half);
	map_all(huge_area, half);
	tb_phase("peak");
	tb_phase("after");
	tb_press(press, TB_SELF);
	small = gone(area, half);
	huge = gone(huge_area, half);
	tb_value("gone", small);
	tb_value("huge_gone", huge);
	if (!small || !huge)
		tb_fail("%lu zeropages and %lu huge ones are gone: nothing to tell by", small, huge);
	return 0;
}
