/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions of small pages: one VMA each, of any start and length, so that several share a PTE table
 * and one spans many. Here what all of them have in common, and those of private anonymous memory.
 */
#ifndef SHAPES_REGION_H
#define SHAPES_REGION_H

#include "shapes-facts.h"
#include "shapes-ksm.h"

#include <sys/syscall.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102		/* since 6.13 */
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

#define REGION_PAGES (256UL * TABLE_PAGES)

enum hold { BARE, LOCKED, REGISTERED, NR_HOLD };

struct region {
	char *at;
	unsigned long pages;
	enum hold hold;
};

/* A cluster may be of one kind only, as its upper tables are then of that class too. */
enum theme { ANYTHING, ONLY_ZERO, ONLY_FILES };

static uint64_t seed;
static enum theme theme;
static uint8_t state[REGION_PAGES];	/* enum entry of each page of the region at hand */

static unsigned long pick(unsigned long n)
{
	return tb_random(&seed) % n;
}

static char *map_at(char *at, unsigned long size, int prot, int flags, int fd)
{
	char *p = mmap(at, size, prot, flags | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);

	if (p != at)
		tb_fail("mmap of %lu bytes at %p: %s", size, (void *)at, strerror(errno));
	return p;
}

static char *map_anon(char *at, unsigned long size)
{
	return map_at(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void advise(char *at, unsigned long size, int what)
{
	if (madvise(at, size, what))
		tb_fail("madvise %d of %lu bytes at %p: %s", what, size, (void *)at,
			strerror(errno));
}

/* Locked without being filled: mlock() alone would write to every page of a private mapping. */
static void lock(char *at, unsigned long size)
{
	if (syscall(SYS_mlock2, at, size, MLOCK_ONFAULT))
		tb_fail("mlock2 at %p: %s", (void *)at, strerror(errno));
}

static inline void see(volatile char *page)
{
	(void)*page;
}

/* ---- which pages ---- */

/* Mostly a few, as one page is enough to make a table; now and then whole stretches. */
static unsigned long how_many(const struct region *r)
{
	unsigned long tables = (r->pages + TABLE_PAGES - 1) / TABLE_PAGES;

	if (!pick(40))
		return r->pages < 600 ? 2 * r->pages : 600;
	if (!pick(6))
		return 64;
	return 1 + pick(3) + tables * pick(3);
}

typedef enum entry (*touch_fn)(char *page, enum entry was);

static void touch_some(const struct region *r, touch_fn touch)
{
	unsigned long n = how_many(r), start = pick(r->pages);
	bool in_a_row = pick(2);

	for (unsigned long i = 0; i < n; i++) {
		unsigned long page = in_a_row ? (start + i) % r->pages : pick(r->pages);

		state[page] = touch(r->at + page * TB_PAGE, state[page]);
	}
}

static enum entry touch_read(char *page, enum entry was)
{
	see(page);
	return was == NONE ? ZERO : was;
}

static enum entry touch_write(char *page, enum entry was)
{
	(void)was;
	tb_fill_page(page);
	return ANON;
}

static enum entry touch_either(char *page, enum entry was)
{
	return pick(2) ? touch_read(page, was) : touch_write(page, was);
}

/* ---- what becomes of some of them again ---- */

/*
 * Single pages given back, never a table's last: a table that has become empty is the business of
 * shapes-empty.h, which has probed what the kernel does about it.
 */
static void make_holes(const struct region *r)
{
	unsigned long in_table = 0, table = 0;

	for (unsigned long i = r->pages; i--;) {
		char *page = r->at + i * TB_PAGE;

		if ((uintptr_t)page / TB_TABLE != table) {
			table = (uintptr_t)page / TB_TABLE;
			in_table = 0;
		}
		if (state[i] == NONE)
			continue;
		if (in_table++ && !pick(3)) {
			advise(page, TB_PAGE, MADV_DONTNEED);
			state[i] = NONE;
		}
	}
}

/* Whatever has gone to swap by now, as pagemap says: the kernel may refuse, page by page. */
static void swap_out(const struct region *r)
{
	madvise(r->at, r->pages * TB_PAGE, MADV_PAGEOUT);
	for (unsigned long i = 0; i < r->pages; i++)
		if (state[i] == ANON && pagemap_of(r->at + i * TB_PAGE) & PM_SWAP)
			state[i] = SWAP;
}

static void set_guards(const struct region *r)
{
	unsigned long n = 1 + pick(r->pages < 20 ? r->pages : 20), first = pick(r->pages - n + 1);

	if (madvise(r->at + first * TB_PAGE, n * TB_PAGE, MADV_GUARD_INSTALL))
		return;
	memset(state + first, MARKER, n);
}

/* ---- private anonymous memory ---- */

enum {
	A_ZERO, A_WRITTEN, A_MIX, A_FREE, A_PROT_NONE, A_SWAP, A_GUARD, A_READ_ONLY, A_KSM, NR_ANON
};

static void fill_anon(const struct region *r)
{
	static const char *const names[] = { "zero", "written", "mix", "free", "PROT_NONE", "swap",
					     "guard", "read-only", "KSM" };
	int how = theme == ONLY_ZERO ? (pick(8) ? A_ZERO : A_KSM) :
		  pick(3) ? pick(3) : pick(NR_ANON);
	unsigned long size = r->pages * TB_PAGE;

	/* Locked pages are not reclaimed, and the kernel says no to the attempt. */
	if (r->hold == LOCKED && (how == A_FREE || how == A_SWAP || how == A_GUARD))
		how = A_MIX;
	doing = names[how];
	map_anon(r->at, size);
	if (how == A_READ_ONLY && mprotect(r->at, size, PROT_READ))
		tb_fail("mprotect: %s", strerror(errno));
	if (r->hold == LOCKED && pick(2))
		lock(r->at, size);
	if (how == A_ZERO || how == A_READ_ONLY)
		touch_some(r, touch_read);
	else if (how == A_WRITTEN || how == A_PROT_NONE || how == A_FREE)
		touch_some(r, touch_write);
	else if (how == A_KSM)
		touch_some(r, touch_with_zeros);
	else
		touch_some(r, touch_either);
	if (how == A_SWAP)
		swap_out(r);
	if (how == A_KSM)
		merge_zeros(r->at, r->pages, state);
	if (how == A_GUARD)
		set_guards(r);
	if (how == A_FREE)	/* without pressure they stay where they are */
		advise(r->at, size, MADV_FREE);
	if (how == A_PROT_NONE && mprotect(r->at, size, PROT_NONE))
		tb_fail("mprotect: %s", strerror(errno));
	if (r->hold != LOCKED && how <= A_MIX && pick(2))
		make_holes(r);
}

#endif
