/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What race-fault's threads have in common: counts of what was done, and cells, each 2 MiB of memory
 * with books of what every page of it must hold.
 *
 * A page belongs to one thread. Nobody else writes it, gives it back or keeps books of it, so that
 * what it holds is certain: a wrong byte is never a false alarm, whatever the other threads do to
 * their pages in the same table. What is shared are the tables.
 */
#ifndef RACE_H
#define RACE_H

#include "tb-press.h"

#include <stdatomic.h>

#define CELL_PAGES (TB_TABLE / TB_PAGE)
#define RACE_COLLAPSE 25	/* MADV_COLLAPSE, newer than the headers of a stable distribution */
#define WORDS 8			/* of a page, at distances of 512 bytes */

enum op {
	FILLED, CHECKED, ZERO_READ, PART_GIVEN_BACK, CELL_GIVEN_BACK, FREED, FREED_AND_GONE, MOVED,
	MOVED_BY_HALVES, COLLAPSED, GUP, GUP_FAST, FORKED, KILLED, PASSES, RECLAIMS, MIDWAY, FLIPPED,
	POLLED, NR_OPS
};

static const char *const op_names[NR_OPS] = {
	"filled", "checked", "zero_read", "part_given_back", "cell_given_back", "freed",
	"freed_and_gone", "moved", "moved_by_halves", "collapsed", "gup", "gup_fast", "forked",
	"killed", "passes", "reclaims", "written_midway", "flipped", "polled",
};

static atomic_ulong ops[NR_OPS];
static atomic_bool over;

static inline void did(enum op op)
{
	atomic_fetch_add_explicit(&ops[op], 1, memory_order_relaxed);
}

/*
 * ZERO: never written, or given back. WRITTEN: holds the pattern of its sequence number. FREE: was
 * WRITTEN and went through MADV_FREE, so that it holds the pattern until it is zero for good.
 */
enum state { ZERO, WRITTEN, FREE };

struct page {
	uint32_t seq;
	uint8_t state;
};

/*
 * `at` is where it lies now: at home, or `away`. `key` goes into every word, so that a page of
 * another cell is as wrong as a lost one.
 */
struct cell {
	char *at, *home, *away;
	uint64_t key;
	struct page pages[CELL_PAGES];
};

static inline volatile uint64_t *word_of(const struct cell *c, int page, int word)
{
	return (volatile uint64_t *)(c->at + page * TB_PAGE + word * 512);
}

static inline uint64_t pattern(const struct cell *c, int page, uint32_t seq, int word)
{
	return tb_mix(c->key ^ (uint64_t)seq << 32 ^ (page * WORDS + word)) | 1;
}

static inline void wrong(const struct cell *c, int page, int word, uint64_t got)
{
	static const char *const states[] = { "zero", "written", "free" };

	tb_fail("wrong byte: page %d of cell %#llx at %p, word %d, is %s (seq %u) and holds %#llx, not %#llx",
		page, (unsigned long long)c->key, (void *)c->at, word,
		states[c->pages[page].state], c->pages[page].seq, (unsigned long long)got,
		(unsigned long long)pattern(c, page, c->pages[page].seq, word));
}

static inline void fill_page(struct cell *c, int page)
{
	c->pages[page].seq++;
	for (int i = 0; i < WORDS; i++)
		*word_of(c, page, i) = pattern(c, page, c->pages[page].seq, i);
	c->pages[page].state = WRITTEN;
	did(FILLED);
}

/* A page of a forked child is checked in the books that were copied with it. */
static inline void check_page(struct cell *c, int page)
{
	struct page *p = &c->pages[page];
	bool gone = p->state == ZERO;

	for (int i = 0; i < WORDS; i++) {
		uint64_t got = *word_of(c, page, i);

		gone |= p->state == FREE && !got;
		if (got != (gone ? 0 : pattern(c, page, p->seq, i)))
			wrong(c, page, i, got);
	}
	if (p->state == FREE && gone) {
		p->state = ZERO;
		did(FREED_AND_GONE);
	}
	did(CHECKED);
}

/* Also what a system call read out of a page. */
static inline void check_copy(const struct cell *c, int page, enum state state, uint32_t seq,
			      const char *copy)
{
	for (int i = 0; i < WORDS; i++) {
		uint64_t got = *(const uint64_t *)(copy + i * 512);

		if (got != (state == ZERO ? 0 : pattern(c, page, seq, i)))
			wrong(c, page, i, got);
	}
}

static inline void check_cell(struct cell *c)
{
	for (unsigned int i = 0; i < CELL_PAGES; i++)
		if (c->pages[i].state != ZERO)
			check_page(c, i);
}

static inline void given_back(struct cell *c, int first, int n)
{
	for (int i = first; i < first + n; i++)
		c->pages[i].state = ZERO;
}

static inline void race_advise(struct cell *c, int first, int n, int advice)
{
	if (madvise(c->at + first * TB_PAGE, n * TB_PAGE, advice))
		tb_fail("madvise %d of %d pages at %p: %s", advice, n,
			(void *)(c->at + first * TB_PAGE), strerror(errno));
}

/*
 * Into one huge page, whoever's pages these are: it changes no content. It may fail where there are
 * none, or as somebody is at them.
 */
static inline void collapse(struct cell *c)
{
	if (!madvise(c->at, TB_TABLE, RACE_COLLAPSE))
		did(COLLAPSED);
}

/* n cells, side by side, with the books before `start` and the room to move each of them to. */
static inline struct cell *make_cells(int n, uint64_t key, bool huge)
{
	struct cell *cells = tb_book(n * sizeof(*cells));
	char *home = tb_map(n * TB_TABLE), *away = tb_map(n * TB_TABLE);

	if (huge && madvise(home, n * TB_TABLE, MADV_HUGEPAGE))
		tb_fail("MADV_HUGEPAGE: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		cells[i].at = cells[i].home = home + i * TB_TABLE;
		cells[i].away = away + i * TB_TABLE;
		cells[i].key = tb_mix(key + i + 1);
	}
	return cells;
}

#endif
