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
 *   unlock   zeropages in a locked range that reclaim has seen; then it is unlocked
 */
#include "tb-press.h"
#include "tb-uffd.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#ifndef UFFDIO_MOVE	/* since 6.8 */
#define UFFD_FEATURE_MOVE (1 << 16)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES 2ULL
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)

struct uffdio_move {
	__u64 dst, src, len, mode;
	__s64 move;
};
#endif

#define HALF (TB_TABLE / 2)

static struct tb_uffd uffd;
static unsigned long span;
static char *area;

static void must(bool done, const char *what)
{
	if (!done)
		tb_fail("%s: %s", what, strerror(errno));
}

static char *page_of(char *from, unsigned long at)
{
	return from + at + at / TB_TABLE % 256 * TB_PAGE;
}

static void see_zeroes(void)
{
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		tb_check_zero_page(page_of(area, at + HALF));
}

static void open_missing(unsigned long long features)
{
	struct uffdio_register all = { { (uintptr_t)area, span }, UFFDIO_REGISTER_MODE_MISSING, 0 };

	tb_uffd_open_with(&uffd, features);
	must(!ioctl(uffd.fd, UFFDIO_REGISTER, &all), "UFFDIO_REGISTER");
}

static void unregister(void)
{
	struct uffdio_range all = { (uintptr_t)area, span };

	must(!ioctl(uffd.fd, UFFDIO_UNREGISTER, &all), "UFFDIO_UNREGISTER");
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

/* ---- sigbus ---- */

static sigjmp_buf back;
static volatile unsigned long signals;

static void on_signal(int signal)
{
	(void)signal;
	signals++;
	siglongjmp(back, 1);
}

static void access_all(void)
{
	for (volatile unsigned long at = 0; at < span; at += TB_TABLE)
		if (!sigsetjmp(back, 1))
			*(volatile char *)page_of(area, at) = 1;
}

static void take_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	must(!sigaction(SIGBUS, &action, NULL), "sigaction");
	open_missing(UFFD_FEATURE_SIGBUS);
	access_all();
}

static void take_signals_again(void)
{
	access_all();
	if (signals != 2 * span / TB_TABLE)
		tb_fail("%lu signals for %lu accesses", signals, 2 * span / TB_TABLE);
	unregister();
}

/* ---- copy, hole ---- */

static void copy_nothing(void)
{
	char *nowhere = tb_map(TB_TABLE);

	must(!mprotect(nowhere, TB_TABLE, PROT_NONE), "mprotect");
	open_missing(0);
	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		struct uffdio_copy copy = {
			(uintptr_t)page_of(area, at), (uintptr_t)nowhere, TB_PAGE, 0, 0
		};

		must(ioctl(uffd.fd, UFFDIO_COPY, &copy) && errno == EFAULT, "UFFDIO_COPY from nowhere");
	}
}

static void move_holes(void)
{
	char *from = tb_map(span);

	/* The source must be of the kind that has pages: once touched, once given back */
	tb_fill_page(from);
	tb_give_back(from, TB_PAGE);
	tb_fill_page(area);
	tb_give_back(area, TB_PAGE);
	open_missing(UFFD_FEATURE_MOVE);
	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		struct uffdio_move move = {
			(uintptr_t)page_of(area, at), (uintptr_t)page_of(from, at), TB_PAGE,
			UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES, 0
		};

		must(!ioctl(uffd.fd, UFFDIO_MOVE, &move), "UFFDIO_MOVE of a hole");
	}
}

/* ---- markers ---- */

static void set_and_take_back(void)
{
	int fd = memfd_create("unfilled", MFD_CLOEXEC);

	must(fd >= 0 && !ftruncate(fd, span) &&
	     mmap(area, span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == area, "memfd");
	tb_uffd_open(&uffd);
	tb_uffd_register_wp(&uffd, area, span);
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		tb_uffd_wp(&uffd, page_of(area, at), TB_PAGE, true);
	tb_uffd_wp(&uffd, area, span, false);
}

/* ---- unlock ---- */

static void lock_and_read(void)
{
	must(!mprotect(area, span, PROT_READ) && !mlock2(area, span, MLOCK_ONFAULT), "mlock2");
	for (unsigned long at = 0; at < span; at += TB_TABLE)
		tb_check_zero_page(page_of(area, at));
	tb_reclaim_cgroup();
	must(!munlock(area, span), "munlock");
}

static const struct {
	void (*make)(void);
	void (*unmake)(void);
} how[] = {
	{ fork_halves, end_child },	{ take_signals, take_signals_again },
	{ copy_nothing, unregister },	{ move_holes, unregister },
	{ set_and_take_back, unregister }, { lock_and_read, see_zeroes },
};

int main(int argc, char **argv)
{
	static const char *const ways[] = { "fork", "sigbus", "copy", "hole", "markers", "unlock", NULL };
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
