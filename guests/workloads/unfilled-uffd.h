/* SPDX-License-Identifier: GPL-2.0-only */
/* What unfilled.c does by userfaultfd, and the area that it does it in. */
#ifndef UNFILLED_UFFD_H
#define UNFILLED_UFFD_H

#include "tb-press.h"
#include "tb-uffd.h"

#include <setjmp.h>
#include <signal.h>

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

static void register_missing(char *from)
{
	struct uffdio_register all = { { (uintptr_t)from, span }, UFFDIO_REGISTER_MODE_MISSING, 0 };

	must(!ioctl(uffd.fd, UFFDIO_REGISTER, &all), "UFFDIO_REGISTER");
}

static void open_missing(unsigned long long features)
{
	tb_uffd_open_with(&uffd, features);
	register_missing(area);
}

static void unregister(void)
{
	struct uffdio_range all = { (uintptr_t)area, span };

	must(!ioctl(uffd.fd, UFFDIO_UNREGISTER, &all), "UFFDIO_UNREGISTER");
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

/* ---- copy, hole, moved ---- */

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

static void move(char *from, unsigned long at, const char *what)
{
	struct uffdio_move move = {
		(uintptr_t)page_of(area, at), (uintptr_t)page_of(from, at), TB_PAGE,
		UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES, 0
	};

	must(!ioctl(uffd.fd, UFFDIO_MOVE, &move), what);
}

/* Moved are pages between mappings of the kind that has some: once touched, once given back. */
static char *map_source(void)
{
	char *from = tb_map(span);

	tb_fill_page(from);
	tb_give_back(from, TB_PAGE);
	tb_fill_page(area);
	tb_give_back(area, TB_PAGE);
	open_missing(UFFD_FEATURE_MOVE);
	return from;
}

static void move_holes(void)
{
	char *from = map_source();

	for (unsigned long at = 0; at < span; at += TB_TABLE)
		move(from, at, "UFFDIO_MOVE of a hole");
}

static void move_zeropages(void)
{
	char *from = map_source();

	register_missing(from);
	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		struct uffdio_zeropage zero = { { (uintptr_t)page_of(from, at), TB_PAGE }, 0, 0 };

		must(!ioctl(uffd.fd, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE");
		move(from, at, "UFFDIO_MOVE of a zeropage");
	}
	tb_give_back(area, span);
}

/* ---- markers, poison ---- */

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

static void poison_and_free(void)
{
	open_missing(UFFD_FEATURE_POISON);
	for (unsigned long at = 0; at < span; at += TB_TABLE) {
		struct uffdio_poison poison = { { (uintptr_t)page_of(area, at), TB_PAGE }, 0, 0 };

		must(!ioctl(uffd.fd, UFFDIO_POISON, &poison), "UFFDIO_POISON");
	}
	must(!madvise(area, span, MADV_FREE), "MADV_FREE");
}

#endif
