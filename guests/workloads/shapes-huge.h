/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is mapped by an upper table's entry: huge pages with the table deposited behind them, and
 * hugetlb, which has none. And the one mapping of bare frames that every process has: the vvar.
 */
#ifndef SHAPES_HUGE_H
#define SHAPES_HUGE_H

#include "shapes-empty.h"

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4U
#endif

#define PARK ((char *)(12UL << 40))	/* where the vvar waits, in a table that stays */

static int hugetlb_used;
static unsigned long vvar_size;

/* What the kernel has really mapped there: it may have had no huge page left, or split it. */
static void commit_huge(char *p, enum huge huge, enum entry small)
{
	static uint64_t words[TABLE_PAGES];

	if (is_huge(p)) {
		add_huge((uintptr_t)p, huge);
		return;
	}
	pagemap_read((uintptr_t)p, TABLE_PAGES, words);
	for (int i = 0; i < TABLE_PAGES; i++)
		if (words[i] & (PM_PRESENT | PM_SWAP))
			add_entry((uintptr_t)p + i * TB_PAGE,
				  words[i] & PM_SWAP ? SWAP : small);
}

/* Some of it goes back: the deposit becomes the table, with an entry for each page that is left. */
static void split(char *p)
{
	unsigned long first = pick(TABLE_PAGES - 1), n = 1 + pick(TABLE_PAGES - 1 - first);

	if (is_huge(p))
		advise(p + first * TB_PAGE, n * TB_PAGE, MADV_DONTNEED);
}

/* Written ones only where a PROT_NONE follows: a zeropage out of reach is of no agreed class. */
enum { H_PLAIN, H_LOCKED, H_REGISTERED, H_PROT_NONE, H_FREE, H_SWAP, NR_HOW };

static void huge_cell(char *p, int how)
{
	bool zero = theme == ONLY_ZERO || (how != H_PROT_NONE && pick(2));

	if (!pick(6))
		return;		/* a VMA, and nothing in it */
	if (zero)
		see(p + TB_TABLE - TB_PAGE);
	else
		tb_fill_page(p + TB_TABLE - TB_PAGE);
	if (how == H_FREE)
		advise(p, TB_TABLE, MADV_FREE);
	if (how == H_SWAP)
		madvise(p, TB_TABLE, MADV_PAGEOUT);
	if (!pick(4))
		split(p);
	commit_huge(p, zero ? HUGE_ZERO : HUGE_ANON, zero ? ZERO : ANON);
}

static void fill_huge_anon(char *at, unsigned long tables)
{
	unsigned long size = tables * TB_TABLE;
	int how = theme == ANYTHING ? pick(NR_HOW) : H_PLAIN;

	doing = "huge";
	advise(map_anon(at, size), size, MADV_HUGEPAGE);
	for (unsigned long i = 0; i < tables; i++)
		huge_cell(at + i * TB_TABLE, how);
	if (how == H_PROT_NONE && mprotect(at, size, PROT_NONE))
		tb_fail("mprotect: %s", strerror(errno));
	if (how == H_LOCKED)
		lock(at, size);
	if (how == H_LOCKED ||
	    (how == H_REGISTERED && uffd >= 0 && uffd_try_register(at, size, pick(3))))
		hold((uintptr_t)at, size);
}

static void fill_huge_shmem(char *at, unsigned long tables)
{
	unsigned long size = tables * TB_TABLE;
	int fd;

	doing = "huge shmem";
	on_ramfs = false;
	fd = new_file(size);
	advise(map_at(at, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd), size, MADV_HUGEPAGE);
	close(fd);
	for (unsigned long i = 0; i < tables; i++) {
		tb_fill_page(at + i * TB_TABLE);
		commit_huge(at + i * TB_TABLE, HUGE_SHMEM, SHMEM);
	}
}

/* One is left for empty_hugetlb(), which gives it back. */
static bool hugetlb_has(int pages)
{
	return hugetlb_used + pages < hugetlb_pages;
}

static void fill_hugetlb(char *at, unsigned long tables)
{
	int flags = MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;
	unsigned long size = tables * TB_TABLE;

	flags |= pick(2) ? MAP_SHARED : MAP_PRIVATE;

	doing = "hugetlb";
	map_at(at, size, PROT_READ | PROT_WRITE, flags, -1);
	hold((uintptr_t)at, size);
	for (unsigned long i = 0; i < tables && hugetlb_has(1); i++) {
		if (!pick(4))
			continue;
		tb_fill_page(at + i * TB_TABLE);
		add_huge((uintptr_t)at + i * TB_TABLE, HUGE_HUGETLB);
		hugetlb_used++;
	}
}

/* Any of them, at an address with nothing else in these 2 MiB. */
static void fill_huge(char *at, unsigned long tables)
{
	int kind = theme == ANYTHING ? pick(6) : 5;

	if (kind == 0 && hugetlb_has(1))
		fill_hugetlb(at, tables);
	else if (kind == 1 && can_huge_shmem)
		fill_huge_shmem(at, tables);
	else
		fill_huge_anon(at, tables);
}

/*
 * Two mappings of the same GiB of a hugetlb file share one PMD table, in one process as in two; the
 * kernel counts it once for each. `second` maps what only `first` has touched if they do.
 */
static void fill_shared_pmd(char *first, char *second)
{
	unsigned long pages = 2;
	int fd;

	if (!hugetlb_has(2))
		return;
	fd = memfd_create("shapes", MFD_CLOEXEC | MFD_HUGETLB | MAP_HUGE_2MB);
	doing = "shared PMD";
	if (fd < 0 || ftruncate(fd, GIB))
		tb_fail("hugetlb file: %s", strerror(errno));
	map_at(first, GIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	map_at(second, GIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	close(fd);
	hold((uintptr_t)first, GIB);
	hold((uintptr_t)second, GIB);
	tb_fill_page(first);
	tb_fill_page(first + TB_TABLE);
	see(second);
	hugetlb_used += 2;
	if (!(pagemap_of(second + TB_TABLE) & PM_PRESENT))
		pages = 1;
	for (unsigned long i = 0; i < 2; i++)
		add_huge((uintptr_t)first + i * TB_TABLE, HUGE_HUGETLB);
	for (unsigned long i = 0; i < pages; i++)
		add_huge((uintptr_t)second + i * TB_TABLE, HUGE_HUGETLB);
	node_find(PMD, (uintptr_t)second)->shared = pages == 2;
}

/* ---- the vvar: VM_PFNMAP, in later kernels VM_MIXEDMAP ---- */

/*
 * Before `start`, as its old place may lose a table by it; that which it waits in stays, for the
 * sake of a neighbour. From here on nobody may ask the vdso for the time.
 */
static void park_vvar(void)
{
	const char *maps = slurp("/proc/self/maps"), *line = strstr(maps, "[vvar]\n");
	unsigned long from, to;
	int fd = memfd_create("shapes", MFD_CLOEXEC);

	while (line && line > maps && line[-1] != '\n')
		line--;
	if (!line || sscanf(line, "%lx-%lx", &from, &to) != 2)
		return;
	tb_fill_page(map_anon(PARK + TB_TABLE / 2, TB_PAGE));
	/* A system call reads it, so that it fails where we would get a SIGBUS. */
	if (write(fd, (void *)from, 1) == 1 &&
	    mremap((void *)from, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED, PARK) == PARK)
		vvar_size = to - from;
	close(fd);
}

static void fill_device(char *at)
{
	int pages = 0;

	if (!vvar_size)
		return;
	doing = "vvar";
	if (mremap(PARK, vvar_size, vvar_size, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at)
		tb_fail("the vvar cannot be moved: %s", strerror(errno));
	see(at);
	for (char *page = at; page < at + vvar_size; page += TB_PAGE)
		pages += !!(pagemap_of(page) & PM_PRESENT);
	/*
	 * Later kernels map all of it at the first fault, and let pagemap see it. Before, pagemap
	 * passes over it, and a fault maps one page; we ask for the first and for no other.
	 */
	for (int i = 0; i < (pages ? pages : 1); i++)
		add_entry((uintptr_t)at, DEVICE);
	hold((uintptr_t)at, vvar_size);
	vvar_size = 0;
}

#endif
