// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables that nothing came into, or that lost what kept them with nobody there to notice: one in
 * each 2 MiB. --way=
 *
 *   fork     a child copies the half of each 2 MiB in which there is nothing
 *   sigbus   each access to a missing page is a signal (UFFD_FEATURE_SIGBUS), and a table
 *   copy     UFFDIO_COPY from what must not be read
 *   hole     UFFDIO_MOVE of a hole: a table at either end
 *   markers  write protection of a file's pages that are not there, set and taken back
 *   poison   UFFDIO_POISON, and MADV_FREE of that
 *   unlock   zeropages in a locked range that reclaim has seen; then it is unlocked
 *   between  zeropages between pages in use, all of it seen by reclaim; then the pages go
 *   moved    zeropages that UFFDIO_MOVE moves
 */
#include "unfilled-uffd.h"

#include <sys/wait.h>

#define HALF (TB_TABLE / 2)

static void see_zeroes(void)
{
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		tb_check_zero_page(page_of(area, at + HALF));
}

/* ---- fork ---- */

static int told[2], tell[2];
static pid_t child;

static void wait_in_child(void)
{
	char c;

	if (write(tell[1], "", 1) != 1 || read(told[0], &c, 1) != 1)
		_exit(2);
	see_zeroes();
	_exit(0);
}

static void fork_halves(void)
{
	char c;

	for (unsigned long at = 0; at < span; at += TB_TABLE)
		tb_fill_page(page_of(area, at));
	/* Only now, so that the other halves have the anon_vma that makes fork() copy them */
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		must(!madvise(area + at, HALF, MADV_DONTFORK), "MADV_DONTFORK");
	must(!pipe(told) && !pipe(tell), "pipe");
	child = fork();
	if (!child)
		wait_in_child();
	must(child > 0 && read(tell[0], &c, 1) == 1, "fork");
}

static void end_child(void)
{
	int status;

	must(write(told[1], "", 1) == 1 && waitpid(child, &status, 0) == child, "waitpid");
	if (status)
		tb_fail("the child sees what it should not (status %#x)", status);
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		tb_check_page(page_of(area, at));
}

/* ---- unlock, between ---- */

static void lock_and_read(void)
{
	must(!mprotect(area, span, PROT_READ) && !mlock2(area, span, MLOCK_ONFAULT), "mlock2");
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		tb_check_zero_page(page_of(area, at));
	tb_reclaim_cgroup();
	must(!munlock(area, span), "munlock");
}

static void give_back_around(void)
{
	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		tb_fill_page(area + at);
		tb_check_zero_page(area + at + 2 * TB_PAGE);
		tb_fill_page(area + at + 4 * TB_PAGE);
	}
	tb_reclaim_cgroup();
	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		tb_give_back(area + at + 4 * TB_PAGE, TB_PAGE);
		tb_give_back(area + at, TB_PAGE);
	}
}

static const struct {
	void (*make)(void);
	void (*unmake)(void);
} how[] = {
	{ fork_halves, end_child },	   { take_signals, take_signals_again },
	{ copy_nothing, unregister },	   { move_holes, unregister },
	{ set_and_take_back, unregister }, { poison_and_free, unregister },
	{ lock_and_read, see_zeroes },	   { give_back_around, see_zeroes },
	{ move_zeropages, unregister },
};

int main(int argc, char **argv)
{
	static const char *const ways[] = {
		"fork", "sigbus", "copy", "hole", "markers", "poison", "unlock", "between", "moved", NULL
	};
	enum tb_press press = tb_press_asked(argc, argv);
	int way = tb_choice(argc, argv, "way", ways);

	span = tb_size(argc, argv, "span", TB_TABLE);
	tb_no_huge_pages();
	tb_phase("start");
	area = tb_map(span);
	how[way].make();
	tb_phase("peak");
	tb_phase("after");
	tb_press(press, TB_EVERYBODY);
	how[way].unmake();
	see_zeroes();
	return 0;
}
