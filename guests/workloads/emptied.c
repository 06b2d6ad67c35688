// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page in each 2 MiB, and then each of them goes in a way that is no MADV_DONTNEED, and the
 * mapping stays: the ways in which a table becomes empty with nobody there to free it. --way=
 *
 *   pageout    clean pages of a file are reclaimed (MADV_PAGEOUT of a block device's page cache)
 *   munmap     half of each 2 MiB is unmapped, the other half is another mapping by then
 *   mremap     half of each 2 MiB is moved away, entry by entry
 *   dontunmap  MREMAP_DONTUNMAP: all is moved, to where no table can be moved as a whole
 *   truncate   a shared file is cut
 *   swap-free  pages in swap are given back by MADV_FREE
 */
#include "tb-press.h"
#include "tb-swap.h"

#define HALF (TB_TABLE / 2)
#define MOVED_BY (16 * TB_PAGE)		/* from one 2 MiB border to beside another */

struct area {
	char *at;		/* what becomes empty */
	char *went;		/* where it went, if anywhere */
	unsigned long span;
	int fd;
};

/* In the lower half of each 2 MiB, at any of its pages. */
static unsigned long offset(unsigned long table)
{
	return table * TB_TABLE + table * 7 % 256 * TB_PAGE;
}

static char *page_of(char *area, unsigned long table)
{
	return area + offset(table);
}

static void fill(char *page, unsigned long table)
{
	*(uint64_t *)page = tb_mix(table + 1);
}

static void check(char *page, uint64_t want)
{
	if (*(uint64_t *)page != want)
		tb_fail("%p holds %#llx instead of %#llx", (void *)page,
			(unsigned long long)*(uint64_t *)page, (unsigned long long)want);
}

static unsigned long tables(const struct area *a)
{
	return a->span / TB_TABLE;
}

static void must(bool done, const char *what)
{
	if (!done)
		tb_fail("%s: %s", what, strerror(errno));
}

/* ---- peak: a page in each table ---- */

static void touch(struct area *a)
{
	for (unsigned long t = 0; t < tables(a); t++)
		fill(page_of(a->at, t), t);
}

static void touch_file(struct area *a)
{
	a->fd = memfd_create("emptied", MFD_CLOEXEC);
	must(a->fd >= 0 && !ftruncate(a->fd, a->span) &&
	     mmap(a->at, a->span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, a->fd, 0) == a->at,
	     "memfd");
	touch(a);
}

static void touch_swap(struct area *a)
{
	if (tb_swap_on() < tables(a))
		tb_fail("the RAM disk takes no %lu pages", tables(a));
	touch(a);
	tb_swap_out(a->at, a->span, page_of, tables(a));
}

/*
 * The RAM disk is smaller than the span, so it is mapped again and again, each time with pages of
 * its own: one mapped twice is not paged out. They lie 16 apart, as a fault maps the neighbours
 * that are in memory too.
 */
static void touch_device(struct area *a)
{
	off_t size;
	int fd = open(TB_RAM_DISK, O_RDONLY | O_CLOEXEC);

	size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / TB_TABLE * TB_TABLE;
	if (size <= 0 || a->span > 32 * (unsigned long)size)
		tb_fail("the RAM disk has no room for --span=%lu", a->span);
	for (unsigned long at = 0, n = 0; at < a->span; at += size, n++) {
		unsigned long part = a->span - at < (unsigned long)size ? a->span - at : (unsigned long)size;
		char *p = a->at + at;

		must(mmap(p, part, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == p, TB_RAM_DISK);
		must(!madvise(p, part, MADV_RANDOM), "MADV_RANDOM");
		for (unsigned long page = n * 16 * TB_PAGE; page < part; page += TB_TABLE)
			check(p + page, 0);
	}
	a->fd = fd;
}

/* ---- after: none ---- */

static void page_out(struct area *a)
{
	for (int i = 0; i < 3; i++)
		must(!madvise(a->at, a->span, MADV_PAGEOUT), "MADV_PAGEOUT");
}

static void unmap_half(struct area *a)
{
	for (unsigned long t = 0; t < tables(a); t++)
		must(!munmap(a->at + t * TB_TABLE, HALF), "munmap");
}

static void move_half(struct area *a)
{
	a->went = tb_map(tables(a) * HALF);
	for (unsigned long t = 0; t < tables(a); t++)
		must(mremap(a->at + t * TB_TABLE, HALF, HALF, MREMAP_MAYMOVE | MREMAP_FIXED,
			    a->went + t * HALF) != MAP_FAILED, "mremap");
}

static void move_all(struct area *a)
{
	a->went = tb_map(a->span + TB_TABLE) + MOVED_BY;
	must(mremap(a->at, a->span, a->span, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
		    a->went) == a->went, "MREMAP_DONTUNMAP");
}

static void cut(struct area *a)
{
	must(!ftruncate(a->fd, 0) && !ftruncate(a->fd, a->span), "ftruncate");
}

static void free_swap(struct area *a)
{
	for (char *p = a->at; p < a->at + a->span; p += HALF)
		must(!madvise(p, HALF, MADV_FREE), "MADV_FREE");
}

/* ---- what must be seen in the end: the old place empty, and what went away where it went ---- */

static void see_zeroes(struct area *a)
{
	for (unsigned long t = 0; t < tables(a); t++)
		check(page_of(a->at, t), 0);
}

static void see_half(struct area *a)
{
	for (unsigned long t = 0; t < tables(a); t++)
		check(a->at + t * TB_TABLE + HALF, 0);
	for (unsigned long t = 0; a->went && t < tables(a); t++)
		check(a->went + t * HALF + offset(t) % TB_TABLE, tb_mix(t + 1));
}

static void see_moved(struct area *a)
{
	see_zeroes(a);
	for (unsigned long t = 0; t < tables(a); t++)
		check(page_of(a->went, t), tb_mix(t + 1));
}

static const struct {
	void (*touch)(struct area *a);
	void (*empty)(struct area *a);
	void (*see)(struct area *a);
} how[] = {
	{ touch_device, page_out, see_zeroes }, { touch, unmap_half, see_half },
	{ touch, move_half, see_half },		{ touch, move_all, see_moved },
	{ touch_file, cut, see_zeroes },	{ touch_swap, free_swap, see_zeroes },
};

int main(int argc, char **argv)
{
	static const char *const ways[] = {
		"pageout", "munmap", "mremap", "dontunmap", "truncate", "swap-free", NULL
	};
	int way = tb_choice(argc, argv, "way", ways);
	struct area a = { .span = tb_size(argc, argv, "span", TB_TABLE) };
	enum tb_press press = tb_press_asked(argc, argv);

	tb_no_huge_pages();
	tb_phase("start");
	a.at = tb_map(a.span);
	how[way].touch(&a);
	tb_phase("peak");
	how[way].empty(&a);
	tb_phase("after");
	tb_press(press, TB_SELF);
	how[way].see(&a);
	return 0;
}
