/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The books of shapes.c: every page table that should exist, and what is in it. They are kept from
 * what was done, call by call; nobody here walks a page table. The classes are those of the design
 * (`empty`, `zero`, `file`, `needed`), each upper table by its children.
 */
#ifndef SHAPES_H
#define SHAPES_H

#include "tb.h"

#include <stdbool.h>

#define GIB (1UL << 30)
#define TABLE_PAGES 512

enum entry {
	NONE, ANON, FILE_CLEAN, FILE_DIRTY, SHMEM, ZERO, ZERO_KSM, MARKER, SWAP, DEVICE, NR_ENTRY
};

enum huge { NOT_HUGE, HUGE_ANON, HUGE_SHMEM, HUGE_ZERO, HUGE_HUGETLB, NR_HUGE };

enum level { PTE, PMD, PUD, P4D, NR_LEVEL };

/* From the one that gives way to all others to the one that wins, for a table by its children. */
enum class { EMPTY, FILES, NEEDED, NR_CLASS };

/* What one table spans; an entry of it spans what a table of the level below does. */
static const int level_shift[NR_LEVEL] = { 21, 30, 39, 48 };

/*
 * A table, or, on the level PTE, whatever is mapped in 2 MiB: there may be a huge page in a table's
 * stead, or nothing but a VMA that will count once there is a table.
 */
struct node {
	uint64_t number;	/* address >> level_shift */
	enum level level;
	bool used, exists;
	bool held;		/* not `bare` */
	bool shared;		/* with another entry above, of hugetlb */
	enum huge huge;
	enum class class;
	int children;
	uint16_t entries[NR_ENTRY];
};

#define BUCKETS 16384

static struct node nodes[BUCKETS];
static int nr_nodes;
static enum level top_level = PUD;	/* P4D tables exist on their own with five levels only */
static long counted_tables;		/* that VmPTE should show at this moment */
static const char *doing = "nothing";	/* the kind of thing that is being made, for messages */

static struct node *node_find(enum level level, uint64_t at)
{
	uint64_t number = at >> level_shift[level];
	unsigned long i = tb_mix(number * NR_LEVEL + level) % BUCKETS;

	while (nodes[i].used && (nodes[i].level != level || nodes[i].number != number))
		i = (i + 1) % BUCKETS;
	if (nodes[i].used)
		return &nodes[i];
	if (++nr_nodes > BUCKETS * 3 / 4)
		tb_fail("more than %d tables", nr_nodes);
	nodes[i].used = true;
	nodes[i].level = level;
	nodes[i].number = number;
	return &nodes[i];
}

static uint64_t node_address(const struct node *n)
{
	return n->number << level_shift[n->level];
}

static void add_child(enum level level, uint64_t at);

/* The kernel has made the table above, or had it already. */
static struct node *make_table(enum level level, uint64_t at)
{
	struct node *n = node_find(level, at);

	if (!n->exists) {
		n->exists = true;
		counted_tables += level != P4D;
		if (level < top_level)
			add_child(level + 1, at);
	}
	return n;
}

static void add_child(enum level level, uint64_t at)
{
	make_table(level, at)->children++;
}

static void add_entry(uint64_t at, enum entry what)
{
	make_table(PTE, at)->entries[what]++;
}

/* Neither shmem nor hugetlb has one: to unmap them is enough to split them. */
static bool has_deposit(const struct node *n)
{
	return n->huge == HUGE_ANON || n->huge == HUGE_ZERO;
}

static void add_huge(uint64_t at, enum huge what)
{
	struct node *n = node_find(PTE, at);

	if (n->huge || n->exists)
		tb_fail("%#lx is in the books already", (unsigned long)at);
	n->huge = what;
	counted_tables += has_deposit(n);
	add_child(PMD, at);
}

/*
 * What is mapped at `at` has gone, and with it as many levels of tables as the probes say: 0 leaves
 * the PTE table, 1 takes it (a huge page counts as one), 2 takes the PMD table too if that was its
 * last child, and so on.
 */
static void drop(enum level level, uint64_t at, int levels)
{
	struct node *n = node_find(level, at), *parent;

	if (levels <= 0)
		return;
	counted_tables -= (n->exists && level != P4D) + has_deposit(n);
	n->exists = false;
	n->huge = NOT_HUGE;
	if (level == top_level)
		return;
	parent = node_find(level + 1, at);
	if (!--parent->children)
		drop(level + 1, at, levels - 1);
}

/* A VMA there is locked, registered, of PFNs or of hugetlb: what it touches is not `bare`. */
static void hold(uint64_t at, uint64_t size)
{
	for (uint64_t t = at & ~(TB_TABLE - 1); t < at + size; t += TB_TABLE)
		node_find(PTE, t)->held = true;
}

/* ---- the sums ---- */

struct sums {
	long pte_empty, pte_zero, pte_file, pte_needed;
	long upper[NR_LEVEL][NR_CLASS];
	long entries[NR_ENTRY], huge[NR_HUGE], huge_zero_held;
	long deposit_zero, deposit_zero_held, deposit_thp;
	long pmd_shared, vmpte_kb;
};

static struct sums sums;

static bool has_zero(const struct node *n)
{
	return n->entries[ZERO] || n->entries[ZERO_KSM];
}

static enum class class_of_pte_table(const struct node *n)
{
	bool zero = has_zero(n);
	bool file = n->entries[FILE_CLEAN] || n->entries[FILE_DIRTY] || n->entries[SHMEM];

	if (n->entries[ANON] || n->entries[MARKER] || n->entries[SWAP] || n->entries[DEVICE])
		return NEEDED;
	if ((zero || file) && n->held)
		return NEEDED;
	return file ? FILES : EMPTY;
}

static void sum_pte_table(struct node *n)
{
	n->class = class_of_pte_table(n);
	if (n->class == NEEDED)
		sums.pte_needed++;
	else if (n->class == FILES)
		sums.pte_file++;
	else if (has_zero(n))
		sums.pte_zero++;
	else
		sums.pte_empty++;
	for (int e = ANON; e < NR_ENTRY; e++)
		sums.entries[e] += n->entries[e];
	sums.vmpte_kb += TB_PAGE / 1024;
}

static void sum_huge(struct node *n)
{
	bool bare_zero = n->huge == HUGE_ZERO && !n->held;

	n->class = bare_zero ? EMPTY : NEEDED;
	if (n->huge == HUGE_ZERO && n->held) {
		sums.huge_zero_held++;
		sums.deposit_zero_held++;
	} else {
		sums.huge[n->huge]++;
		sums.deposit_zero += bare_zero;
		sums.deposit_thp += n->huge == HUGE_ANON;
	}
	if (has_deposit(n))
		sums.vmpte_kb += TB_PAGE / 1024;
}

/* The kernel's own sum of the three levels leaves out P4D tables, as it leaves out the PGD. */
static void sum_upper_table(const struct node *n)
{
	sums.upper[n->level][n->class]++;
	sums.pmd_shared += n->shared;
	if (n->level != P4D)
		sums.vmpte_kb += TB_PAGE / 1024;
}

static void sum_up(void)
{
	memset(&sums, 0, sizeof(sums));
	for (int i = 0; i < BUCKETS; i++)
		nodes[i].class = EMPTY;
	for (enum level level = PTE; level <= top_level; level++)
		for (struct node *n = nodes; n < nodes + BUCKETS; n++) {
			struct node *parent;

			if (!n->used || n->level != level || (!n->exists && !n->huge))
				continue;
			if (n->huge)
				sum_huge(n);
			else if (level == PTE)
				sum_pte_table(n);
			else
				sum_upper_table(n);
			if (level == top_level)
				continue;
			parent = node_find(level + 1, node_address(n));
			if (parent->class < n->class)
				parent->class = n->class;
		}
}

#endif
