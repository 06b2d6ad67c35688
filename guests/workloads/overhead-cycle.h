/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page that is a table's only one, touched and given back: over the same tables, and over new
 * ones.
 */
#ifndef OVERHEAD_CYCLE_H
#define OVERHEAD_CYCLE_H

#include "overhead-arena.h"

#define WARM_ROUNDS 3
#define WARM_OPS 2000
#define CYCLE_OPS 4000
#define STREAM_TABLES 4000

static void go_round(const struct arena *a)
{
	for (unsigned long i = 0; i < a->tables; i++) {
		char *p = arena_table(a, i);

		touch(p);
		tb_give_back(p, TB_PAGE);
	}
}

static unsigned long rounds_for(unsigned long ops, unsigned long tables)
{
	return (ops + tables - 1) / tables;
}

static void cycle(struct batch *b, unsigned long tables)
{
	unsigned long warm = rounds_for(WARM_OPS, tables), rounds = rounds_for(CYCLE_OPS, tables);
	struct arena a;

	arena_map(&a, tables);
	for (unsigned long i = 0; i < warm || i < WARM_ROUNDS; i++)
		go_round(&a);
	batch_begin(b);
	batch_go(b);
	for (unsigned long i = 0; i < rounds; i++)
		go_round(&a);
	batch_halt(b);
	b->kept = arena_held(&a);
	batch_end(b, rounds * tables);
	arena_unmap(&a);
}

static void op_cycle_1(struct batch *b)
{
	cycle(b, 1);
}

static void op_cycle_16(struct batch *b)
{
	cycle(b, 16);
}

static void op_cycle_17(struct batch *b)
{
	cycle(b, 17);
}

static void op_cycle_64(struct batch *b)
{
	cycle(b, 64);
}

static void op_cycle_1000(struct batch *b)
{
	cycle(b, 1000);
}

/* Tables that never come back. */
static void op_stream(struct batch *b)
{
	struct arena a;

	arena_map(&a, STREAM_TABLES);
	batch_begin(b);
	batch_go(b);
	go_round(&a);
	batch_halt(b);
	b->kept = arena_held(&a);
	batch_end(b, STREAM_TABLES);
	arena_unmap(&a);
}

#endif
