/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions of small pages: one VMA each, of any start and length, so that several share a PTE table
 * and one spans many.
 */
#ifndef SHAPES_FILL_H
#define SHAPES_FILL_H

#include "shapes-facts.h"
#include "shapes-uffd.h"

#include <sys/syscall.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102		/* since 6.13 */
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

#define REGION_PAGES (256UL * TABLE_PAGES)
#define RAMFS "/run/shapes-ramfs"

enum hold { BARE, LOCKED, REGISTERED, NR_HOLD };

struct region {
	char *at;
	unsigned long pages;
	enum hold hold;
};

static uint64_t seed;
static uint8_t state[REGION_PAGES];		/* enum entry of each page of the region being filled */
static bool has_ramfs, has_guard;

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
	unsigned long n = how_many(r), start = pick(r->pages), stride = pick(2) ? 1 : 0;

	for (unsigned long i = 0; i < n; i++) {
		unsigned long page = stride ? (start + i) % r->pages : pick(r->pages);

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
	has_guard = true;
	memset(state + first, MARKER, n);
}

/* ---- private anonymous memory ---- */

enum { A_ZERO, A_WRITTEN, A_MIX, A_FREE, A_PROT_NONE, A_SWAP, A_GUARD, A_READ_ONLY, NR_ANON };

static void fill_anon(const struct region *r)
{
	static const char *const names[] = { "zero", "written", "mix", "free", "PROT_NONE", "swap",
					     "guard", "read-only" };
	int how = pick(3) ? pick(3) : pick(NR_ANON);
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
	else
		touch_some(r, touch_either);
	if (how == A_SWAP)
		swap_out(r);
	if (how == A_GUARD)
		set_guards(r);
	if (how == A_FREE)	/* without pressure they stay where they are */
		advise(r->at, size, MADV_FREE);
	if (how == A_PROT_NONE && mprotect(r->at, size, PROT_NONE))
		tb_fail("mprotect: %s", strerror(errno));
	if (r->hold != LOCKED && how <= A_MIX && pick(2))
		make_holes(r);
}

/* ---- files: tmpfs by memfd, and ramfs, whose page cache is not shmem ---- */

static bool on_ramfs, shared;

static int new_file(unsigned long size)
{
	int fd = on_ramfs ? open(RAMFS "/f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
			  : memfd_create("shapes", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		tb_fail("a file of %lu bytes: %s", size, strerror(errno));
	if (on_ramfs)
		unlink(RAMFS "/f");
	return fd;
}

static enum entry touch_file_read(char *page, enum entry was)
{
	see(page);
	return was != NONE ? was : on_ramfs ? FILE_CLEAN : SHMEM;
}

/*
 * Dirty is what the entry's own bit says: ramfs knows no other. A private mapping's write leaves
 * the file behind.
 */
static enum entry touch_file_write(char *page, enum entry was)
{
	(void)was;
	tb_fill_page(page);
	return !shared ? ANON : on_ramfs ? FILE_DIRTY : SHMEM;
}

static enum entry touch_file_either(char *page, enum entry was)
{
	return pick(2) ? touch_file_read(page, was) : touch_file_write(page, was);
}

/*
 * A read fault maps what is in the page cache around it, and nobody but the kernel decides how
 * much; pagemap shows.
 */
static void adopt_faults_around(const struct region *r)
{
	for (unsigned long i = 0; i < r->pages; i++) {
		uint64_t word = state[i] == NONE ? pagemap_of(r->at + i * TB_PAGE) : 0;

		if (word & PM_PRESENT && word & PM_FILE)
			state[i] = on_ramfs ? FILE_CLEAN : SHMEM;
	}
}

static void fill_file(const struct region *r)
{
	static const touch_fn ways[] = { touch_file_read, touch_file_read, touch_file_write,
					 touch_file_either };
	unsigned long size = r->pages * TB_PAGE;
	bool read_only, cached;
	touch_fn touch;
	int fd;

	on_ramfs = has_ramfs && pick(2);
	shared = pick(2);
	touch = ways[pick(4)];
	read_only = touch == touch_file_read && pick(2);
	cached = r->pages <= 2 * TABLE_PAGES && !pick(4);
	doing = on_ramfs ? "ramfs" : "memfd";
	fd = new_file(size);
	for (int i = 0; cached && i < 8; i++)
		if (pwrite(fd, "x", 1, pick(r->pages) * TB_PAGE) != 1)
			tb_fail("pwrite: %s", strerror(errno));
	map_at(r->at, size, PROT_READ | (read_only ? 0 : PROT_WRITE),
	       shared ? MAP_SHARED : MAP_PRIVATE, fd);
	close(fd);
	touch_some(r, touch);
	if (cached)
		adopt_faults_around(r);
	if (pick(2))
		make_holes(r);
}

/* ---- userfaultfd: what it puts there itself ---- */

static void fill_uffd(const struct region *r)
{
	unsigned long size = r->pages * TB_PAGE, n = how_many(r);

	doing = "uffd";
	map_anon(r->at, size);
	uffd_register(r->at, size, UFFDIO_REGISTER_MODE_MISSING);
	while (n--) {
		unsigned long i = pick(r->pages);
		bool zero = pick(2);

		if (state[i] != NONE)
			continue;
		uffd_fill(r->at + i * TB_PAGE, zero);
		state[i] = zero ? ZERO : ANON;
	}
}

/* What is there keeps its page with a bit set; what is not gets a marker if the kernel has them. */
static void fill_uffd_wp(const struct region *r)
{
	unsigned long n = 1 + pick(r->pages < 40 ? r->pages : 40), first = pick(r->pages - n + 1);
	unsigned long size = r->pages * TB_PAGE;
	bool markers = uffd_features & UFFD_WP_UNPOPULATED;

	doing = "uffd-wp";
	if (uffd_features & UFFD_FEATURE_WP_HUGETLBFS_SHMEM && pick(2)) {
		int fd;

		on_ramfs = false;
		shared = true;
		markers = true;
		fd = new_file(size);
		map_at(r->at, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
		close(fd);
		touch_some(r, touch_file_either);
	} else {
		map_anon(r->at, size);
		touch_some(r, touch_either);
	}
	uffd_register(r->at, size, UFFDIO_REGISTER_MODE_WP);
	uffd_protect(r->at + first * TB_PAGE, n * TB_PAGE);
	for (unsigned long i = first; markers && i < first + n; i++)
		if (state[i] == NONE)
			state[i] = MARKER;
}

/* ---- any of them ---- */

static void commit(const struct region *r)
{
	for (unsigned long i = 0; i < r->pages; i++)
		if (state[i] != NONE)
			add_entry((uintptr_t)r->at + i * TB_PAGE, state[i]);
}

static void fill_region(char *at, unsigned long pages)
{
	struct region r = { at, pages, pick(4) ? BARE : pick(NR_HOLD) };
	int kind = pick(8);

	memset(state, NONE, pages);
	if (r.hold == REGISTERED && (uffd < 0 || kind < 2))
		r.hold = BARE;
	if (kind < 4)
		fill_anon(&r);
	else if (kind < 7 || uffd < 0)
		fill_file(&r);
	else if (pick(2) || !(uffd_features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		fill_uffd(&r);
	else
		fill_uffd_wp(&r);
	if (kind == 7 && uffd >= 0)
		r.hold = REGISTERED;
	else if (r.hold == REGISTERED && !uffd_try_register(at, pages * TB_PAGE))
		r.hold = BARE;
	if (r.hold == LOCKED)
		lock(at, pages * TB_PAGE);
	if (r.hold != BARE)
		hold((uintptr_t)at, pages * TB_PAGE);
	commit(&r);
}

#endif
