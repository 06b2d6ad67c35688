// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that takes a page table away against everything that uses one, on two CPUs; what every
 * page holds is checked against books. Threads: two workers, on cells of their own and on pages of
 * their own in tables that they share (race-cell.h), one that forks children which check what they
 * got, one that asks for passes and for reclaim (race-ask.h), and a pair that watches for stale
 * translations (race-flip.h).
 */
#include "race-cell.h"
#include "race-flip.h"
#include "race-ask.h"
#include "tb-swap.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define WORKERS 2
#define CELLS 6
#define HUGE_CELLS 3
#define SHARED 8
#define LONGER 4			/* times as long at most, where it did not come to everything */
#define BLOCK 16			/* pages of a shared cell that are given back together */
#define BLOCKS (CELL_PAGES / BLOCK)

static struct worker workers[WORKERS], huge_workers[WORKERS], parent, huge_parent;
static struct cell *shared;
static pthread_barrier_t begin;

/*
 * A page of a table that several threads have pages in: a fourth of the blocks are somebody's, each
 * with one page in use, so that a table is empty time and again.
 */
static void work_on_a_shared_cell(struct worker *w, int self)
{
	struct cell *c = &shared[pick(w, SHARED)];
	int block = pick(w, 4) * (BLOCKS / 4) + self, first = block * BLOCK;
	int page = first + (c->key >> block) % BLOCK;

	check_page(c, page);
	if (!pick(w, 32))
		collapse(c);
	switch (pick(w, 8)) {
	case 0 ... 2:
		fill_page(c, page);
		break;
	case 3:
		race_advise(c, first, BLOCK, MADV_FREE);
		if (c->pages[page].state == WRITTEN)
			c->pages[page].state = FREE;
		did(FREED);
		break;
	default:
		race_advise(c, first, BLOCK, MADV_DONTNEED);
		given_back(c, page, 1);
		did(PART_GIVEN_BACK);
	}
}

static void check_all(struct worker *w)
{
	for (int i = 0; i < w->n; i++)
		check_cell(&w->cells[i]);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int self = w - workers;

	pthread_barrier_wait(&begin);
	while (!atomic_load(&over)) {
		work_on_a_shared_cell(w, self);
		work_on_a_cell(pick(w, 4) ? w : &huge_workers[self]);
	}
	check_all(w);
	check_all(&huge_workers[self]);
	return NULL;
}

/* Alone with a copy of all: its own cells hold what they held when it was made. */
static void __attribute__((noreturn)) be_a_child(uint64_t seed)
{
	parent.random = huge_parent.random = seed;
	open_files(&parent);
	open_files(&huge_parent);
	check_all(&parent);
	check_all(&huge_parent);
	for (int i = 0; i < 40; i++)
		work_on_a_cell(i % 4 ? &parent : &huge_parent);
	check_all(&parent);
	check_all(&huge_parent);
	_exit(0);
}

/* Some are killed at what they do, so that tables are also taken down in the middle of it. */
static void bring_up_a_child(bool killed)
{
	int meanwhile = killed ? 1 + pick(&parent, 4) : 20;
	uint64_t seed = tb_random(&parent.random);
	pid_t pid = fork();
	int status;

	if (!pid)
		be_a_child(seed);
	if (pid < 0)
		tb_fail("fork: %s", strerror(errno));
	for (int i = 0; i < meanwhile; i++)	/* on what both share */
		work_on_a_cell(i % 4 ? &parent : &huge_parent);
	if (killed)
		kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		tb_fail("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status) ? !killed || WTERMSIG(status) != SIGKILL : WEXITSTATUS(status))
		tb_fail("a child found something wrong (status %#x)", status);
	did(WIFSIGNALED(status) ? KILLED : FORKED);
}

static void *bring_up_children(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&begin);
	for (unsigned int n = 1; !atomic_load(&over); n++) {
		for (int i = 0; i < 20; i++)
			work_on_a_cell(i % 4 ? &parent : &huge_parent);
		bring_up_a_child(n % 3 == 2);
	}
	check_all(&parent);
	check_all(&huge_parent);
	return NULL;
}

/* The first thing that was not done once; what needs luck, or a kernel that can, is left out. */
static int undone(void)
{
	for (int i = 0; i < NR_OPS; i++)
		if (!atomic_load(&ops[i]) && (i != PASSES || has_passes) && i != FREED_AND_GONE &&
		    i != KILLED && i != MIDWAY && (!only_flips || i == PASSES || i >= FLIPPED))
			return i;
	return NR_OPS;
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	errno = pthread_create(thread, NULL, run, arg);
	if (errno)
		tb_fail("a thread: %s", strerror(errno));
}

/*
 * Nobody moves a mapping before the last thread has its stack, which would be put into the hole that
 * one has left.
 */
static void run_threads(unsigned long seconds, uint64_t *seed)
{
	int n = 0, movers = only_flips ? 0 : WORKERS + 1;
	pthread_t threads[WORKERS + 4];

	pthread_barrier_init(&begin, NULL, movers + 1);
	for (int i = 0; i < WORKERS && !only_flips; i++)
		start_thread(&threads[n++], work, &workers[i]);
	start_thread(&threads[n++], ask_for_reclaim, seed);
	start_thread(&threads[n++], flip_slots, seed);
	start_thread(&threads[n++], read_slots, NULL);
	if (!only_flips)
		start_thread(&threads[n++], bring_up_children, NULL);
	pthread_barrier_wait(&begin);
	tb_sleep_ms(seconds * 1000);
	for (unsigned long i = 0; i < LONGER * seconds && undone() != NR_OPS; i++)
		tb_sleep_ms(1000);
	atomic_store(&over, true);
	while (n)
		pthread_join(threads[--n], NULL);
}

/* A run that did not do something is no proof of it. */
static void tell_what_was_done(void)
{
	for (int i = 0; i < NR_OPS; i++)
		tb_value(op_names[i], atomic_load(&ops[i]));
	tb_value("longest_pass_ms", longest_pass);
	tb_value("longest_reclaim_ms", longest_reclaim);
	if (undone() != NR_OPS)
		tb_fail("it never came to this in all the time: %s", op_names[undone()]);
}

static void give_back_all(struct worker *w)
{
	for (int i = 0; i < w->n; i++)
		reap(w, &w->cells[i]);
}

int main(int argc, char **argv)
{
	static const char *const threads[] = { "all", "flips", NULL };
	unsigned long seconds = tb_number(argc, argv, "seconds");
	unsigned long delay = tb_number_or_none(argc, argv, "delay_us");
	uint64_t seed = tb_number(argc, argv, "seed");

	only_flips = tb_choice(argc, argv, "threads", threads);
	if (tb_number_or_none(argc, argv, "swap") && !tb_swap_on())
		tb_fail("no RAM disk to swap to");
	has_passes = !access(TB_KNOB, W_OK);
	for (int i = 0; i < WORKERS; i++) {
		make_worker(&workers[i], seed * 64 + i, CELLS, false);
		make_worker(&huge_workers[i], seed * 64 + 8 + i, HUGE_CELLS, true);
	}
	make_worker(&parent, seed * 64 + 16, CELLS, false);
	make_worker(&huge_parent, seed * 64 + 24, HUGE_CELLS, true);
	shared = make_cells(SHARED, seed * 64 + 32, false);
	make_slots();
	tb_phase("start");
	tb_value("delay_us", tb_set_delay(delay));
	run_threads(seconds, &seed);
	tb_set_delay(0);
	tell_what_was_done();
	for (int i = 0; i < WORKERS; i++) {
		give_back_all(&workers[i]);
		give_back_all(&huge_workers[i]);
	}
	give_back_all(&parent);
	give_back_all(&huge_parent);
	for (int i = 0; i < SHARED; i++)
		reap(&parent, &shared[i]);
	tb_phase("after");
	tb_press(TB_PRESS_KNOB, TB_EVERYBODY);
	return 0;
}
