/* SPDX-License-Identifier: GPL-2.0-only */
/* Page faults, with the table there and without, and mappings of a page that come and go. */
#ifndef OVERHEAD_FAULT_H
#define OVERHEAD_FAULT_H

#include "overhead-arena.h"

#define FAULT_TABLES 16
#define NEW_TABLES 4000
#define MAPPINGS 4000

/* Each table holds a page already, so that no fault makes one. */
static void fault_pages(struct batch *b, bool writing)
{
	struct arena a;

	arena_map(&a, FAULT_TABLES);
	arena_touch(&a, TABLE_PAGES - 1, TABLE_PAGES);
	batch_begin(b);
	batch_go(b);
	for (unsigned long i = 0; i < FAULT_TABLES; i++) {
		char *table = arena_table(&a, i);

		for (char *p = table; p < table + TB_TABLE - TB_PAGE; p += TB_PAGE) {
			if (writing)
				touch(p);
			else
				look(p);
		}
	}
	batch_halt(b);
	batch_end(b, FAULT_TABLES * (TABLE_PAGES - 1));
	arena_unmap(&a);
}

static void op_fault(struct batch *b)
{
	fault_pages(b, true);
}

static void op_read_zero(struct batch *b)
{
	fault_pages(b, false);
}

static void fault_tables(struct batch *b, bool writing)
{
	struct arena a;

	arena_map(&a, NEW_TABLES);
	batch_begin(b);
	batch_go(b);
	for (unsigned long i = 0; i < NEW_TABLES; i++) {
		if (writing)
			touch(arena_table(&a, i));
		else
			look(arena_table(&a, i));
	}
	batch_halt(b);
	batch_end(b, NEW_TABLES);
	arena_unmap(&a);
}

static void op_fault_table(struct batch *b)
{
	fault_tables(b, true);
}

static void op_read_zero_table(struct batch *b)
{
	fault_tables(b, false);
}

static char *map_page(char *where, int flags)
{
	char *p = mmap(where, TB_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		tb_fail("mmap of a page: %s", strerror(errno));
	return p;
}

static void unmap_page(char *p)
{
	if (munmap(p, TB_PAGE))
		tb_fail("munmap of a page: %s", strerror(errno));
}

static void map_touch_unmap(struct batch *b, char *where, int flags)
{
	batch_begin(b);
	batch_go(b);
	for (int i = 0; i < MAPPINGS; i++) {
		char *p = map_page(where, flags);

		touch(p);
		unmap_page(p);
	}
	batch_halt(b);
	batch_end(b, MAPPINGS);
}

/* Where the kernel puts a page by itself, with a page of somebody else's in the same 2 MiB. */
static void op_mmap(struct batch *b)
{
	char *place = map_page(NULL, 0);
	char *table = (char *)((uintptr_t)place & ~(TB_TABLE - 1));
	char *far = place < table + TB_TABLE / 2 ? table + TB_TABLE * 3 / 4 : table + TB_TABLE / 4;
	char *beside;

	unmap_page(place);
	beside = map_page(far, MAP_FIXED_NOREPLACE);
	touch(beside);
	map_touch_unmap(b, NULL, 0);
	if (map_page(NULL, 0) != place)
		tb_fail("the usual place of a page is another by now");
	unmap_page(place);
	unmap_page(beside);
}

/* In the midst of a hole of three tables. */
static void op_mmap_alone(struct batch *b)
{
	struct arena a;
	char *hole;

	arena_map(&a, 3);
	hole = arena_table(&a, 0);
	if (munmap(hole, 3 * TB_TABLE))
		tb_fail("munmap: %s", strerror(errno));
	map_touch_unmap(b, hole + TB_TABLE + TB_TABLE / 2, MAP_FIXED_NOREPLACE);
	if (munmap(hole + 3 * TB_TABLE, a.size - 3 * TB_TABLE))
		tb_fail("munmap: %s", strerror(errno));
}

#endif
