// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random page tables whose exact number, content and class are known, because this program made
 * them and kept books: what a census must find. The books are proved before they are told: VmPTE
 * must have grown by just the tables they list, and pagemap must show their entries in each 2 MiB.
 *
 * All is made in a window of addresses that nothing else uses. Its borders are such that every
 * table of it lies wholly inside: with four levels the next larger thing is the PGD, with five the
 * window is three whole entries of it, a P4D table each.
 *
 * An entry is of a page cache page even where its file's page is dirty; `dirty` says that the
 * entry's own dirty bit is set.
 */
#include "tb.h"

#include "shapes.h"
#include "shapes-facts.h"
#include "shapes-uffd.h"
#include "shapes-ksm.h"
#include "shapes-region.h"
#include "shapes-file.h"
#include "shapes-fill.h"
#include "shapes-empty.h"
#include "shapes-huge.h"
#include "shapes-guest.h"
#include "shapes-tell.h"

#define MANY_TABLES 1500
#define SLOT (2 * GIB)		/* each cluster has one to itself, and a border of a GiB within */
#define MAX_CLUSTERS 24

static uint64_t slots_taken[2 * MAX_CLUSTERS];
static int nr_slots;
static long vmpte_before;

/* Beyond 47 bits there is something only with five levels, and only for those who ask for it. */
static void choose_window(void)
{
	char *high = (char *)(1UL << 48);
	char *p = mmap(high, TB_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == high) {
		top_level = P4D;
		window_lo = 1UL << 48;
		window_hi = 1UL << 50;
	}
	if (p != MAP_FAILED)
		munmap(p, TB_PAGE);
}

static bool slot_taken(uint64_t slot)
{
	for (int i = 0; i < nr_slots; i++)
		if (slots_taken[i] == slot)
			return true;
	return false;
}

/* Close to the last one, so that they share upper tables, or anywhere. */
static char *new_slot(void)
{
	uint64_t slots = (window_hi - window_lo) / SLOT - 1, slot, at;

	do {
		slot = pick(slots);
		if (nr_slots && pick(2))
			slot = (slots_taken[nr_slots - 1] + 1 + pick(pick(2) ? 2 : 300)) % slots;
		at = window_lo + slot * SLOT + GIB;
	} while (slot_taken(slot) || at >> 48 != (at + SLOT - 1) >> 48);
	slots_taken[nr_slots++] = slot;
	return (char *)at;
}

static char *next_table(char *p)
{
	return (char *)(((uintptr_t)p + TB_TABLE - 1) & ~(TB_TABLE - 1));
}

static unsigned long region_size(void)
{
	switch (pick(12)) {
	case 0:
		return 1;
	case 1:
		return 1 + pick(8 * TABLE_PAGES);
	case 2:
		return TABLE_PAGES * (1 + pick(4));
	default:
		return 1 + pick(300);
	}
}

/*
 * An emptied table may take the ones above with it. Whether a P4D table would go is the one thing
 * that VmPTE does not tell, so each holds something that stays.
 */
static char *pin_p4d(char *at)
{
	struct node *p4d = node_find(P4D, (uintptr_t)at);

	if (top_level != P4D || p4d->exists)
		return at;
	see(map_anon(at, TB_PAGE));
	add_entry((uintptr_t)at, ZERO);
	return at + TB_TABLE;
}

/* One thing at `at` or a bit further; returns where it ends. */
static char *fill_next(char *at)
{
	unsigned long n;

	switch (pick(20)) {
	case 0:
		return at + pick(40) * TB_TABLE;
	case 1: case 2: case 3: case 4:
		at = next_table(at);
		empty_some(at);
		return at + TB_TABLE;
	case 5: case 6:
		at = next_table(at);
		n = 1 + pick(4);
		if (theme != ONLY_FILES)
			fill_huge(at, n);
		return at + n * TB_TABLE;
	case 7:
		if (theme != ANYTHING)
			return at;
		at = next_table(at);
		fill_device(at);
		return at + TB_TABLE;
	case 8:
		if (pick(12))
			return at;
		n = REGION_PAGES - pick(TABLE_PAGES * 100);
		fill_region(at, n);
		return at + n * TB_PAGE;
	default:
		n = region_size();
		at += pick(3) ? 0 : pick(700) * TB_PAGE;
		fill_region(at, n);
		return at + n * TB_PAGE;
	}
}

/* Tells what the kernel did otherwise than the books, right after it was made. */
static void watch(const char *at)
{
	static long off;
	long now = vmpte_kb() - vmpte_before - counted_tables * (long)(TB_PAGE / 1024);

	if (now != off)
		dprintf(2, "%s before %p: VmPTE is %+ld kB off\n", doing, (void *)at, now);
	off = now;
}

static void fill_cluster(void)
{
	/* Room for one thing more: what the largest region spans. */
	char *base = new_slot(), *end = base + SLOT - REGION_PAGES * TB_PAGE - 64 * TB_TABLE;
	int things = pick(4) ? 10 + pick(60) : 1 + pick(4);
	char *at;

	theme = pick(3) ? ANYTHING : ONLY_ZERO + pick(2);
	at = pin_p4d(base);
	at += pick(3) ? pick(200) * TB_TABLE : GIB - (2 + pick(8)) * TB_TABLE;
	while (things-- && at < end && counted_tables < MANY_TABLES) {
		at = fill_next(at);
		watch(at);
	}
}

/* Nothing but what can be emptied: on some kernels the upper tables are all that stays. */
static void fill_empty_cluster(void)
{
	char *at = pin_p4d(new_slot());

	for (int things = 1 + pick(6); things; things--, at += (1 + pick(9)) * TB_TABLE) {
		empty_some(at);
		watch(at + TB_TABLE);
	}
}

/* The first to be made, while there are hugetlb pages. */
static void fill_hugetlb_cluster(void)
{
	char *first = new_slot(), *second = new_slot();

	pin_p4d(first + GIB);
	pin_p4d(second + GIB);
	fill_shared_pmd(first, second);
	watch(second + GIB);
}

static void build(void)
{
	int clusters = 8 + pick(MAX_CLUSTERS - 11);

	if (pick(2))
		fill_hugetlb_cluster();
	for (int i = 0; i < clusters; i++)
		fill_cluster();
	theme = ANYTHING;
	fill_empty_cluster();
}

int main(int argc, char **argv)
{
	long grown, wrong;
	bool proved;

	seed = tb_mix(tb_number(argc, argv, "seed"));
	choose_window();
	pagemap_open();
	prepare_guest();
	park_vvar();
	/* What we run with is there from now on: only the window gets tables later. */
	if (mlockall(MCL_CURRENT) || munlockall())
		tb_fail("mlockall: %s", strerror(errno));
	probe();
	tb_phase("start");
	vmpte_before = vmpte_kb();
	build();
	grown = vmpte_kb() - vmpte_before;
	sum_up();
	wrong = wrong_tables();
	proved = grown == sums.vmpte_kb && !wrong;
	tell_kernel();
	tell_answer();
	tb_value("proved", proved);
	tb_phase("peak");
	munmap((void *)window_lo, window_hi - window_lo);
	tb_phase("after");
	if (!proved)
		tb_fail("not as in the books: %ld kB of tables for %ld kB, %ld with other entries",
			grown, sums.vmpte_kb, wrong);
	return 0;
}
