// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADV_COLLAPSE of a file in memory against those who take its tables away: MADV_DONTNEED and
 * passes. The file is mapped twice. Where it is shared, the collapse takes away each table that
 * it finds by the file (retract_page_tables()); where it is private and was written to, those that
 * are there stay until the collapse of that very mapping (collapse_pte_mapped_thp()).
 *
 * What the file holds never changes, but for the first page of each cell: to punch it out and write
 * it again makes small pages of a huge one.
 */
#include "tb-race.h"

#define CELLS 12
#define CELL_PAGES (TB_TABLE / TB_PAGE)
#define COLLAPSE 25			/* MADV_COLLAPSE, newer than the headers of a stable distribution */
#define SIZE ((CELLS + 1) * TB_TABLE)	/* the last one is written to where it is private */

enum op { COLLAPSED, SPLIT, GIVEN_BACK, PART_GIVEN_BACK, CHECKED, PASSES, NR_OPS };

static const char *const op_names[NR_OPS] = {
	"collapsed", "split", "given_back", "part_given_back", "checked", "passes",
};

enum { SHARED, PRIVATE, AREAS };

static atomic_ulong ops[NR_OPS];
static char *areas[AREAS];
static bool has_passes;
static int file;

static void did(enum op op)
{
	atomic_fetch_add_explicit(&ops[op], 1, memory_order_relaxed);
}

static unsigned int pick(uint64_t *random, unsigned int n)
{
	return tb_random(random) % n;
}

static uint64_t content(unsigned long at)
{
	return tb_mix(at + 1) | 1;
}

static void write_page(unsigned long at)
{
	uint64_t page[TB_PAGE / sizeof(uint64_t)];

	for (unsigned int i = 0; i < TB_PAGE / sizeof(*page); i++)
		page[i] = content(at);
	if (pwrite(file, page, TB_PAGE, at) != (ssize_t)TB_PAGE)
		tb_fail("a page of the file at %#lx: %s", at, strerror(errno));
}

static void split(unsigned long cell)
{
	if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, cell, TB_PAGE))
		tb_fail("a hole at %#lx: %s", cell, strerror(errno));
	write_page(cell);
	did(SPLIT);
}

/* Some pages, not the one that is punched out. */
static void look(uint64_t *random, int area, unsigned long cell)
{
	for (int n = 1 + pick(random, 8); n; n--) {
		unsigned long at = cell + (1 + pick(random, CELL_PAGES - 1)) * TB_PAGE;
		uint64_t got = *(volatile uint64_t *)(areas[area] + at);

		if (got != content(at))
			tb_fail("wrong byte: %p holds %#llx, and %#lx of the file %#llx",
				(void *)(areas[area] + at), (unsigned long long)got, at,
				(unsigned long long)content(at));
		did(CHECKED);
	}
}

static void *collapse_cells(void *arg)
{
	uint64_t random = *(uint64_t *)arg ^ 1;

	while (!atomic_load(&over)) {
		unsigned long cell = pick(&random, CELLS) * TB_TABLE;
		int area = pick(&random, AREAS);

		if (pick(&random, 4))
			split(cell);
		look(&random, SHARED, cell);
		look(&random, PRIVATE, cell);
		/* It may find a page in use, or the range changed meanwhile. */
		if (!madvise(areas[area] + cell, TB_TABLE, COLLAPSE))
			did(COLLAPSED);
	}
	return NULL;
}

static void *give_back_cells(void *arg)
{
	uint64_t random = *(uint64_t *)arg ^ 2;

	while (!atomic_load(&over)) {
		unsigned long cell = pick(&random, CELLS) * TB_TABLE;
		int area = pick(&random, AREAS);
		bool part = !pick(&random, 4);

		look(&random, area, cell);
		tb_give_back(areas[area] + cell, part ? TB_TABLE / 2 : TB_TABLE);
		did(part ? PART_GIVEN_BACK : GIVEN_BACK);
	}
	return NULL;
}

static void *ask_for_passes(void *arg)
{
	uint64_t random = *(uint64_t *)arg ^ 3;

	while (has_passes && !atomic_load(&over)) {
		if (tb_pass(TB_SELF))
			did(PASSES);
		if (pick(&random, 2))
			tb_sleep_ms(1);
	}
	return NULL;
}

/* The first thing that was not done once, of those that this kernel can do. */
static int undone(void)
{
	for (int i = 0; i < NR_OPS; i++)
		if (!atomic_load(&ops[i]) && (i != PASSES || has_passes))
			return i;
	return NR_OPS;
}

static bool did_all(void)
{
	return undone() == NR_OPS;
}

static void make_file(void)
{
	static const int flags[AREAS] = { MAP_SHARED, MAP_PRIVATE };

	file = memfd_create("race-collapse", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, SIZE))
		tb_fail("the file: %s", strerror(errno));
	for (unsigned long at = 0; at < SIZE; at += TB_PAGE)
		write_page(at);
	for (int i = 0; i < AREAS; i++) {
		char *place = tb_map(SIZE);

		areas[i] = mmap(place, SIZE, PROT_READ | PROT_WRITE, flags[i] | MAP_FIXED, file, 0);
		if (areas[i] == MAP_FAILED)
			tb_fail("the file, mapped: %s", strerror(errno));
	}
	*(volatile char *)(areas[PRIVATE] + CELLS * TB_TABLE) = 1;
}

int main(int argc, char **argv)
{
	static void *(*const runs[])(void *) = { collapse_cells, give_back_cells, ask_for_passes };
	unsigned long seconds = tb_number(argc, argv, "seconds");
	unsigned long delay = tb_number_or_none(argc, argv, "delay_us");
	uint64_t seed = tb_number(argc, argv, "seed");

	has_passes = !access(TB_KNOB, W_OK);
	make_file();
	tb_phase("start");
	tb_value("delay_us", tb_set_delay(delay));
	tb_race(runs, 3, &seed, seconds, did_all);
	tb_set_delay(0);
	for (int i = 0; i < NR_OPS; i++)
		tb_value(op_names[i], atomic_load(&ops[i]));
	if (!did_all())
		tb_fail("it never came to this in all the time: %s", op_names[undone()]);
	for (int i = 0; i < AREAS; i++)
		tb_give_back(areas[i], SIZE);
	tb_phase("after");
	tb_press(TB_PRESS_KNOB, TB_EVERYBODY);
	return 0;
}
