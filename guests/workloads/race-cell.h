/* SPDX-License-Identifier: GPL-2.0-only */
/* What race-fault's threads do to cells of their own, one random thing at a time. */
#ifndef RACE_CELL_H
#define RACE_CELL_H

#include "race.h"

#include <sys/uio.h>

struct worker {
	uint64_t random;
	struct cell *cells;
	int n;
	int pipe[2], mem;
	char *copy;		/* a page */
};

static inline unsigned int pick(struct worker *w, unsigned int n)
{
	return tb_random(&w->random) % n;
}

static void sow(struct worker *w, struct cell *c)
{
	for (int n = 1 + pick(w, 8); n; n--)
		fill_page(c, pick(w, CELL_PAGES));
}

static void sow_run(struct worker *w, struct cell *c)
{
	int first = pick(w, CELL_PAGES - 64);

	for (int i = first; i < first + 64; i++)
		fill_page(c, i);
}

static void read_zeroes(struct worker *w, struct cell *c)
{
	for (int n = 0; n < 16; n++) {
		int page = pick(w, CELL_PAGES);

		if (c->pages[page].state == ZERO)
			did(ZERO_READ);
		check_page(c, page);
	}
}

static void reap(struct worker *w, struct cell *c)
{
	(void)w;
	check_cell(c);
	race_advise(c, 0, CELL_PAGES, MADV_DONTNEED);
	given_back(c, 0, CELL_PAGES);
	did(CELL_GIVEN_BACK);
}

static void reap_part(struct worker *w, struct cell *c)
{
	int first = pick(w, CELL_PAGES), n = 1 + pick(w, CELL_PAGES - first);

	race_advise(c, first, n, MADV_DONTNEED);
	given_back(c, first, n);
	did(PART_GIVEN_BACK);
}

static void let_go(struct worker *w, struct cell *c)
{
	int first = pick(w, CELL_PAGES), n = 1 + pick(w, CELL_PAGES - first);

	race_advise(c, first, n, MADV_FREE);
	for (int i = first; i < first + n; i++)
		if (c->pages[i].state == WRITTEN)
			c->pages[i].state = FREE;
	did(FREED);
}

/* False where the old place is more than one mapping. */
static bool move_to(char *from, char *to, unsigned long size, bool keep)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);

	if (mremap(from, size, size, flags, to) == to)
		return true;
	if (errno != EFAULT)
		tb_fail("mremap of %p to %p: %s", (void *)from, (void *)to, strerror(errno));
	return false;
}

/*
 * As a whole the table itself may move; by halves every entry does. The old place is kept mapped,
 * or is a hole that nobody fills, as no thread maps anything without saying where.
 */
static void move(struct worker *w, struct cell *c)
{
	char *to = c->at == c->home ? c->away : c->home;
	bool keep = pick(w, 2);

	if (pick(w, 2) && move_to(c->at, to, TB_TABLE, keep)) {
		did(MOVED);
	} else {
		for (unsigned long half = 0; half < TB_TABLE; half += TB_TABLE / 2)
			if (!move_to(c->at + half, to + half, TB_TABLE / 2, keep))
				tb_fail("half a cell at %p is no mapping", (void *)(c->at + half));
		did(MOVED_BY_HALVES);
	}
	c->at = to;
}

/* By get_user_pages() of a process that happens to be ourselves. */
static void read_by_gup(struct worker *w, struct cell *c)
{
	for (int n = 0; n < 4; n++) {
		int page = pick(w, CELL_PAGES);
		uintptr_t at = (uintptr_t)c->at + page * TB_PAGE;

		if (c->pages[page].state == FREE)
			continue;
		if (pread(w->mem, w->copy, TB_PAGE, at) != (ssize_t)TB_PAGE)
			tb_fail("/proc/self/mem at %#lx: %s", at, strerror(errno));
		check_copy(c, page, c->pages[page].state, c->pages[page].seq, w->copy);
		did(GUP);
	}
}

/* The lockless get_user_pages_fast(): the page is pinned, and stays what it was when we let go. */
static void read_by_gup_fast(struct worker *w, struct cell *c)
{
	int page = pick(w, CELL_PAGES);
	struct iovec from = { c->at + page * TB_PAGE, TB_PAGE };
	struct page was;
	size_t got = 0;
	ssize_t n;

	if (c->pages[page].state == FREE)
		fill_page(c, page);
	was = c->pages[page];
	if (vmsplice(w->pipe[1], &from, 1, 0) != (ssize_t)TB_PAGE)
		tb_fail("vmsplice at %p: %s", from.iov_base, strerror(errno));
	if (was.state == WRITTEN && pick(w, 2)) {
		race_advise(c, page, 1, MADV_DONTNEED);
		given_back(c, page, 1);
	}
	while (got < TB_PAGE && (n = read(w->pipe[0], w->copy + got, TB_PAGE - got)) > 0)
		got += n;
	check_copy(c, page, was.state, was.seq, w->copy);
	did(GUP_FAST);
}

static void make_huge(struct worker *w, struct cell *c)
{
	(void)w;
	collapse(c);
}

static void look(struct worker *w, struct cell *c)
{
	(void)w;
	check_cell(c);
}

static void work_on_a_cell(struct worker *w)
{
	static void (*const what[])(struct worker *, struct cell *) = {
		sow, sow, sow_run, read_zeroes, read_zeroes, reap, reap, reap, reap_part,
		reap_part, let_go, let_go, move, make_huge, read_by_gup, read_by_gup_fast, look,
	};

	what[pick(w, sizeof(what) / sizeof(*what))](w, &w->cells[pick(w, w->n)]);
}

/* A child makes them anew: those that it has are its parent's. */
static void open_files(struct worker *w)
{
	w->mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (w->mem < 0 || pipe(w->pipe))
		tb_fail("/proc/self/mem and a pipe: %s", strerror(errno));
}

static void make_worker(struct worker *w, uint64_t seed, int n, bool huge)
{
	*w = (struct worker){ .random = seed, .cells = make_cells(n, seed << 20, huge), .n = n };
	w->copy = tb_book(TB_PAGE);
	open_files(w);
}

#endif
