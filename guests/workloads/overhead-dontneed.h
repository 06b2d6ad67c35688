/* SPDX-License-Identifier: GPL-2.0-only */
/* MADV_DONTNEED where the tables stay full, where one page is left of each, and where none is. */
#ifndef OVERHEAD_DONTNEED_H
#define OVERHEAD_DONTNEED_H

#include "overhead-arena.h"
#include "overhead-pass.h"

#define DENSE_TABLES 32
#define SPARSE_TABLES 1000
#define LAST (TABLE_PAGES - 1)
#define SEED 6			/* any: the same order of tables in each run and on each kernel */

/* Pieces of @size, every second one, so that there is a live page on each side of it. */
static void dense(struct batch *b, unsigned long size)
{
	struct arena a;
	unsigned long calls = 0;

	arena_map(&a, DENSE_TABLES);
	arena_touch(&a, 0, TABLE_PAGES);
	batch_begin(b);
	batch_go(b);
	for (unsigned long i = 0; i < DENSE_TABLES; i++)
		for (unsigned long at = 0; at < TB_TABLE; at += 2 * size, calls++)
			tb_give_back(arena_table(&a, i) + at, size);
	batch_halt(b);
	if (size == TB_TABLE)
		b->kept = arena_held(&a);
	batch_end(b, calls);
	arena_unmap(&a);
}

static void op_dense_4k(struct batch *b)
{
	dense(b, TB_PAGE);
}

static void op_dense_64k(struct batch *b)
{
	dense(b, 16 * TB_PAGE);
}

/* All that a table has: what is left is empty. */
static void op_dense_2m(struct batch *b)
{
	dense(b, TB_TABLE);
}

/* ---- one live page at the far end of the table ---- */

struct sparse {
	unsigned long near, far;
	bool far_first;		/* touched */
};

static void shuffled(uint32_t *order)
{
	uint64_t state = SEED;

	for (uint32_t i = 0; i < SPARSE_TABLES; i++)
		order[i] = i;
	tb_shuffle(order, SPARSE_TABLES, &state);
}

static void touch_each(const struct arena *a, unsigned long page)
{
	arena_touch(a, page, page + 1);
}

/*
 * The near page of each table, each given back once, in random order. With @again for the second
 * time. What the kernel has put off is done by a pass over the process, which is told apart.
 */
static void sparse(struct batch *b, const struct sparse *s, bool again)
{
	static uint32_t order[SPARSE_TABLES];
	struct arena a;

	shuffled(order);
	arena_map(&a, SPARSE_TABLES);
	touch_each(&a, s->far_first ? s->far : s->near);
	touch_each(&a, s->far_first ? s->near : s->far);
	if (again) {
		for (unsigned long i = 0; i < SPARSE_TABLES; i++)
			tb_give_back(arena_table(&a, order[i]) + s->near * TB_PAGE, TB_PAGE);
		touch_each(&a, s->near);
	}
	batch_begin(b);
	batch_go(b);
	for (unsigned long i = 0; i < SPARSE_TABLES; i++)
		tb_give_back(arena_table(&a, order[i]) + s->near * TB_PAGE, TB_PAGE);
	batch_halt(b);
	batch_end(b, SPARSE_TABLES);
	batch_pass(b);
	for (unsigned long i = 0; i < SPARSE_TABLES; i++)
		if (*(volatile char *)(arena_table(&a, i) + s->far * TB_PAGE) != 1)
			tb_fail("the live page of table %lu is lost", i);
	arena_unmap(&a);
}

static const struct sparse above = { 0, LAST, false }, above_far_first = { 0, LAST, true };
static const struct sparse below = { LAST, 0, false }, below_far_first = { LAST, 0, true };

static void op_sparse_above(struct batch *b)
{
	sparse(b, &above, false);
}

static void op_sparse_above_far_first(struct batch *b)
{
	sparse(b, &above_far_first, false);
}

static void op_sparse_below(struct batch *b)
{
	sparse(b, &below, false);
}

static void op_sparse_below_far_first(struct batch *b)
{
	sparse(b, &below_far_first, false);
}

static void op_sparse_above_again(struct batch *b)
{
	sparse(b, &above, true);
}

static void op_sparse_below_again(struct batch *b)
{
	sparse(b, &below, true);
}

#endif
