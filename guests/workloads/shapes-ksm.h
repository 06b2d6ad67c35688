/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages of zeros that KSM has replaced by the shared zeropage: its entries for them carry the dirty
 * bit, and say nothing else that a read fault's would not.
 */
#ifndef SHAPES_KSM_H
#define SHAPES_KSM_H

#include "shapes-facts.h"

#include <sys/syscall.h>
#include <time.h>

#define KSM "/sys/kernel/mm/ksm/"

static void prepare_ksm(void)
{
	tb_put(KSM "use_zero_pages", "1");
	tb_put(KSM "pages_to_scan", "100000");
	tb_put(KSM "sleep_millisecs", "1");
	tb_put(KSM "smart_scan", "0");
}

static enum entry touch_with_zeros(char *page, enum entry was)
{
	(void)was;
	*(volatile char *)page = 0;
	return ANON;
}

static bool is_zeropage(const char *page)
{
	uint64_t word = pagemap_of(page);

	return word & PM_PRESENT && (word & PM_PFN) == zero_pfn;
}

/* Runs ksmd until it has had all of them, but not for long: what it has not had stays anonymous. */
static void merge_zeros(char *at, unsigned long pages, uint8_t *state)
{
	const struct timespec nap = { 0, 5000000 };
	unsigned long missing = pages;

	if (madvise(at, pages * TB_PAGE, MADV_MERGEABLE) || !tb_put(KSM "run", "1"))
		return;
	for (int naps = 0; missing && naps < 20; naps++) {
		syscall(SYS_nanosleep, &nap, NULL);
		missing = 0;
		for (unsigned long i = 0; i < pages; i++)
			missing += state[i] == ANON && !is_zeropage(at + i * TB_PAGE);
	}
	tb_put(KSM "run", "0");	/* returns when ksmd is at rest */
	for (unsigned long i = 0; i < pages; i++)
		if (state[i] == ANON && is_zeropage(at + i * TB_PAGE))
			state[i] = ZERO_KSM;
}

#endif
