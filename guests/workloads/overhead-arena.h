/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Address space in which PTE tables come and go, and no other: the last table of each GiB keeps a
 * page, and with it the tables of the upper levels.
 */
#ifndef OVERHEAD_ARENA_H
#define OVERHEAD_ARENA_H

#include "overhead-clock.h"

#define GIB (1UL << 30)
#define GIB_TABLES (GIB / TB_TABLE - 1)		/* of a GiB, but for the one that is kept */
#define TABLE_PAGES (TB_TABLE / TB_PAGE)

struct arena {
	char *base;
	unsigned long tables, size;
	long vmpte_kb;			/* before any table of the arena was made */
};

static inline long own_vmpte_kb(void)
{
	return proc_number("/proc/self/status", "\nVmPTE:");
}

static inline char *arena_table(const struct arena *a, unsigned long i)
{
	return a->base + i / GIB_TABLES * GIB + i % GIB_TABLES * TB_TABLE;
}

static inline void touch(char *page)
{
	*(volatile char *)page = 1;
}

static inline void look(const char *page)
{
	*(const volatile char *)page;
}

static inline void arena_map(struct arena *a, unsigned long tables)
{
	unsigned long gibs = (tables + GIB_TABLES - 1) / GIB_TABLES;
	char *p;

	a->tables = tables;
	a->size = (gibs + 1) * GIB;
	p = mmap(NULL, a->size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		tb_fail("mmap of %lu bytes: %s", a->size, strerror(errno));
	a->base = (char *)(((uintptr_t)p + GIB - 1) & ~(GIB - 1));
	/* What lies before and behind the whole GiBs goes. */
	if ((a->base > p && munmap(p, a->base - p)) ||
	    munmap(a->base + gibs * GIB, GIB - (a->base - p)))
		tb_fail("munmap: %s", strerror(errno));
	a->size = gibs * GIB;
	for (unsigned long i = 1; i <= gibs; i++)
		touch(a->base + i * GIB - TB_PAGE);
	a->vmpte_kb = own_vmpte_kb();
}

static inline void arena_unmap(struct arena *a)
{
	if (munmap(a->base, a->size))
		tb_fail("munmap: %s", strerror(errno));
}

/* PTE tables of the arena, the kept ones apart. */
static inline long arena_held(const struct arena *a)
{
	return (own_vmpte_kb() - a->vmpte_kb) / (long)(TB_PAGE >> 10);
}

/* Pages @first to @last of each table, the last one not among them. */
static inline void arena_touch(const struct arena *a, unsigned long first, unsigned long last)
{
	for (unsigned long i = 0; i < a->tables; i++)
		for (unsigned long page = first; page < last; page++)
			touch(arena_table(a, i) + page * TB_PAGE);
}

#endif
