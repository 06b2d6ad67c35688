// SPDX-License-Identifier: GPL-2.0-only
/*
 * What operations on page tables cost, in instructions: needs a guest whose TSC counts them.
 *
 * --repeats=N batches of each operation that --op=NAME names, in that order. Tells for each batch
 * OP/timed, OP/deferred, OP/ops, and where there is such a thing OP/pass and OP/kept.
 *
 * Instructions are those of the guest's CPU: clear_page() alone takes 4,096, as each step of a
 * `rep stosb` is one.
 */
#include "tb.h"

#include "overhead-clock.h"
#include "overhead-arena.h"
#include "overhead-fault.h"
#include "overhead-dontneed.h"
#include "overhead-cycle.h"
#include "overhead-process.h"

#define LOOP_SHORT 10000UL
#define LOOP_LONG 20000UL
#define MOST_TRIES 10

static const struct {
	const char *name;
	void (*run)(struct batch *b);
} operations[] = {
	{ "fault", op_fault },
	{ "fault-table", op_fault_table },
	{ "read-zero", op_read_zero },
	{ "read-zero-table", op_read_zero_table },
	{ "mmap-touch-munmap", op_mmap },
	{ "mmap-touch-munmap-alone", op_mmap_alone },
	{ "dontneed-4k-dense", op_dense_4k },
	{ "dontneed-64k-dense", op_dense_64k },
	{ "dontneed-2m-dense", op_dense_2m },
	{ "dontneed-4k-sparse-above", op_sparse_above },
	{ "dontneed-4k-sparse-above-far-first", op_sparse_above_far_first },
	{ "dontneed-4k-sparse-above-again", op_sparse_above_again },
	{ "dontneed-4k-sparse-below", op_sparse_below },
	{ "dontneed-4k-sparse-below-far-first", op_sparse_below_far_first },
	{ "dontneed-4k-sparse-below-again", op_sparse_below_again },
	{ "cycle-1", op_cycle_1 },
	{ "cycle-16", op_cycle_16 },
	{ "cycle-17", op_cycle_17 },
	{ "cycle-64", op_cycle_64 },
	{ "cycle-1000", op_cycle_1000 },
	{ "stream", op_stream },
	{ "exit-big", op_exit_big },
	{ "fork-exit", op_fork },
	{ "fork-exec-exit", op_fork_exec },
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static void tell(const char *name, const char *what, uint64_t value)
{
	char key[64];

	snprintf(key, sizeof(key), "%s/%s", name, what);
	tb_value(key, value);
}

static uint64_t loop_took(unsigned long iterations)
{
	uint64_t begin;

	/* Right behind a tick, so that none falls into the loop. */
	clock_settle();
	begin = clock_now();
	clock_spin(iterations);
	return clock_now() - begin;
}

/* By these the host judges whether this clock counts instructions. */
static void tell_loops(void)
{
	tell("clock", "iterations", LOOP_LONG - LOOP_SHORT);
	tell("clock", "instructions", loop_took(LOOP_LONG) - loop_took(LOOP_SHORT));
}

static void measure(unsigned long i, unsigned long repeats)
{
	const char *name = operations[i].name;
	struct batch batches[repeats];

	for (unsigned long r = 0, tries = 0; r < repeats; tries++) {
		if (tries == MOST_TRIES * repeats)
			tb_fail("%s: the agent runs in each batch", name);
		operations[i].run(&batches[r]);
		if (!batches[r].agent)
			r++;
	}
	/* Not between the batches: the agent would still be at it while the next one runs. */
	for (unsigned long r = 0; r < repeats; r++) {
		tell(name, "timed", batches[r].timed);
		tell(name, "deferred", batches[r].deferred);
		tell(name, "ops", batches[r].ops);
		if (batches[r].passed)
			tell(name, "pass", batches[r].pass);
		if (batches[r].kept >= 0)
			tell(name, "kept", batches[r].kept);
	}
}

static unsigned long operation(const char *name)
{
	for (unsigned long i = 0; i < OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return i;
	tb_fail("unknown operation %s", name);
}

int main(int argc, char **argv)
{
	unsigned long repeats;
	bool any = false;

	if (argc == 2 && !strcmp(argv[1], EXEC_SELF))
		return 0;
	repeats = tb_number(argc, argv, "repeats");
	tb_no_huge_pages();
	filler_start(&filler);
	if (mlockall(MCL_CURRENT))
		tb_fail("mlockall: %s", strerror(errno));
	tell_loops();
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--op=", 5)) {
			measure(operation(argv[i] + 5), repeats);
			any = true;
		}
	}
	if (!any)
		tb_fail("--op= is missing");
	if (kill(filler.pid, SIGKILL) || waitpid(filler.pid, NULL, 0) != filler.pid)
		tb_fail("the filler does not end");
	return 0;
}
