/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways to empty a table, and what this kernel does then. Each is one 2 MiB that nothing else
 * shares; each is first done alone, where no other table is near, and VmPTE tells how many levels
 * went with it.
 */
#ifndef SHAPES_EMPTY_H
#define SHAPES_EMPTY_H

#include "shapes-fill.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif

#define ALONE ((char *)(4UL << 40))	/* the probes: far from the window and from ourselves */

static bool can_huge, can_huge_zero, can_huge_shmem;
static int hugetlb_pages;

static void touch_three(char *p)
{
	static const int pages[] = { 3, 200, 511 };

	for (int i = 0; i < 3; i++)
		tb_fill_page(p + pages[i] * TB_PAGE);
}

static void empty_whole(char *p)
{
	touch_three(map_anon(p, TB_TABLE));
	advise(p, TB_TABLE, MADV_DONTNEED);
}

static void empty_pieces(char *p)
{
	touch_three(map_anon(p, TB_TABLE));
	for (unsigned long piece = 0; piece < TB_TABLE; piece += TB_TABLE / 8)
		advise(p + piece, TB_TABLE / 8, MADV_DONTNEED);
}

static void empty_page(char *p)
{
	see(map_anon(p, TB_TABLE) + 77 * TB_PAGE);
	advise(p + 77 * TB_PAGE, TB_PAGE, MADV_DONTNEED);
}

/* One call, two VMAs. */
static void empty_two_vmas(char *p)
{
	touch_three(map_anon(p, TB_TABLE));
	if (mprotect(p, TB_TABLE / 2, PROT_READ))
		tb_fail("mprotect: %s", strerror(errno));
	advise(p, TB_TABLE, MADV_DONTNEED);
}

/* A neighbour in the same 2 MiB, never touched, is why the table outlives its pages. */
static void empty_munmap(char *p)
{
	map_anon(p, TB_TABLE);
	tb_fill_page(p + 5 * TB_PAGE);
	if (munmap(p, TB_TABLE / 2))
		tb_fail("munmap: %s", strerror(errno));
}

static void empty_file(char *p)
{
	int fd;

	on_ramfs = has_ramfs;
	shared = true;
	fd = new_file(TB_TABLE);
	touch_three(map_at(p, TB_TABLE, PROT_READ | PROT_WRITE, MAP_SHARED, fd));
	close(fd);
	advise(p, TB_TABLE, MADV_DONTNEED);
}

/* The file loses its pages, and its mapping is emptied from that side. */
static void empty_truncate(char *p)
{
	int fd;

	on_ramfs = false;
	shared = true;
	fd = new_file(TB_TABLE);
	touch_three(map_at(p, TB_TABLE, PROT_READ | PROT_WRITE, MAP_SHARED, fd));
	if (ftruncate(fd, 0))
		tb_fail("ftruncate: %s", strerror(errno));
	close(fd);
}

static void empty_locked(char *p)
{
	map_anon(p, TB_TABLE);
	lock(p, TB_TABLE);
	touch_three(p);
	advise(p, TB_TABLE, MADV_DONTNEED_LOCKED);
}

static void empty_registered(char *p)
{
	touch_three(map_anon(p, TB_TABLE));
	uffd_register(p, TB_TABLE, UFFDIO_REGISTER_MODE_MISSING);
	advise(p, TB_TABLE, MADV_DONTNEED);
}

/* From here on no PTE table is left, on no kernel, but an empty PMD table may be. */
static void empty_huge(char *p)
{
	advise(map_anon(p, TB_TABLE), TB_TABLE, MADV_HUGEPAGE);
	tb_fill_page(p);
	advise(p, TB_TABLE, MADV_DONTNEED);
}

static void empty_huge_zero(char *p)
{
	advise(map_anon(p, TB_TABLE), TB_TABLE, MADV_HUGEPAGE);
	see(p);
	advise(p, TB_TABLE, MADV_DONTNEED);
}

static void empty_hugetlb(char *p)
{
	map_at(p, TB_TABLE, PROT_READ | PROT_WRITE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1);
	tb_fill_page(p);
	advise(p, TB_TABLE, MADV_DONTNEED);
}

static bool always(void)
{
	return true;
}

static bool with_uffd(void)
{
	return uffd >= 0;
}

static bool with_huge(void)
{
	return can_huge;
}

static bool with_huge_zero(void)
{
	return can_huge_zero;
}

static bool with_hugetlb(void)
{
	return hugetlb_pages;
}

enum { WHOLE, PIECES };			/* the two that the values name */

static struct emptying {
	const char *name;
	void (*go)(char *p);
	bool (*possible)(void);
	bool held;
	int levels;		/* that go with the last entry: 0 to 3 */
} emptyings[] = {
	[WHOLE] = { "whole", empty_whole, always, false, 0 },
	[PIECES] = { "pieces", empty_pieces, always, false, 0 },
	{ "page", empty_page, always, false, 0 },
	{ "two_vmas", empty_two_vmas, always, false, 0 },
	{ "munmap", empty_munmap, always, false, 0 },
	{ "file", empty_file, always, false, 0 },
	{ "truncate", empty_truncate, always, false, 0 },
	{ "locked", empty_locked, always, true, 0 },
	{ "registered", empty_registered, with_uffd, true, 0 },
	{ "huge", empty_huge, with_huge, false, 0 },
	{ "huge_zero", empty_huge_zero, with_huge_zero, false, 0 },
	{ "hugetlb", empty_hugetlb, with_hugetlb, true, 0 },
};

#define NR_EMPTYINGS (sizeof(emptyings) / sizeof(emptyings[0]))

/* Alone, it makes a table on each of three levels; what is left of them tells what has gone. */
static void probe_emptying(struct emptying *e)
{
	long before = vmpte_kb(), left;

	if (!e->possible())
		return;
	e->go(ALONE);
	left = (vmpte_kb() - before) * 1024 / (long)TB_PAGE;
	if (left < 0 || left > 3)
		tb_fail("the probe %s leaves %ld tables", e->name, left);
	e->levels = 3 - left;
	munmap(ALONE, TB_TABLE);
	if (vmpte_kb() != before)
		tb_fail("the probe %s leaves %ld kB for ever", e->name, vmpte_kb() - before);
}

static void empty_some(char *p)
{
	struct emptying *e = &emptyings[pick(3) ? pick(NR_EMPTYINGS) : 0];

	if (!e->possible())
		e = &emptyings[0];
	doing = e->name;
	e->go(p);
	if (e->held)
		hold((uintptr_t)p, TB_TABLE);
	make_table(PTE, (uintptr_t)p);
	drop(PTE, (uintptr_t)p, e->levels);
}

#endif
