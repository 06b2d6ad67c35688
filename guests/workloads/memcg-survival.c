// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process with a limit of memory that its data fits into many times over, and its page tables
 * don't: of each 2 MiB of a large span one page was in use for a moment. Swap is off, so that tables
 * are all that could be had when the limit is met. --way= says how the tables become worthless.
 */
#include "tb-press.h"

#include <linux/membarrier.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define KEPT (16UL << 20)	/* data that must be the same at the end */
#define POLLED (1UL << 20)

enum way { DONTNEED, FREE, PUNCH, ZERO, HUGE_ZERO };

static unsigned long piece;

static void advise(char *p, unsigned long size, int advice)
{
	if (madvise(p, size, advice))
		tb_fail("madvise %d of %lu bytes: %s", advice, size, strerror(errno));
}

static void use(enum way way, char *p, unsigned long table)
{
	char *page = p + table % (piece / TB_PAGE) * TB_PAGE;

	if (way == ZERO || way == HUGE_ZERO) {
		tb_check_zero_page(page);
		return;
	}
	*(uint64_t *)page = table + 1;
	if (*(uint64_t *)page != table + 1)
		tb_fail("%p does not hold what was just written", (void *)page);
	advise(p, piece, way == DONTNEED ? MADV_DONTNEED : way == FREE ? MADV_FREE : MADV_REMOVE);
}

static char *map_area(enum way way, unsigned long span)
{
	char *area = tb_map(span);
	int fd;

	if (way == HUGE_ZERO)
		advise(area, span, MADV_HUGEPAGE);
	if (way != PUNCH)
		return area;
	fd = memfd_create("memcg-survival", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, span) ||
	    mmap(area, span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != area)
		tb_fail("memfd: %s", strerror(errno));
	close(fd);
	return area;
}

/* How long one takes; one CPU alone is not made to wait for any. */
static long grace_period_us(void)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		tb_fail("membarrier: %s", strerror(errno));
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
}

/*
 * Keeps the other CPU inside the kernel: a poll() of so many files passes through no quiescent state
 * before its end, for a tick in the kernel is none (PREEMPT_NONE).
 */
static void __attribute__((noreturn)) poll_for_ever(void)
{
	struct rlimit files = { POLLED, POLLED };
	struct pollfd *fds = tb_book(POLLED * sizeof(*fds));
	cpu_set_t other;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&other);
	CPU_SET(1, &other);
	if (sched_setaffinity(0, sizeof(other), &other) || setrlimit(RLIMIT_NOFILE, &files))
		tb_fail("a CPU and files of its own: %s", strerror(errno));
	for (unsigned long i = 0; i < POLLED; i++)
		fds[i].fd = -1;
	while (!poll(fds, POLLED, 0))
		;
	tb_fail("poll: %s", strerror(errno));
}

/* As slow as can be made from here: no expedited grace periods, and somebody who is in the way of all. */
static void slow_grace_periods(void)
{
	pid_t pid;

	if (!tb_put("/sys/kernel/rcu_normal", "1"))
		tb_fail("rcu_normal: %s", strerror(errno));
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	pid = fork();
	if (!pid)
		poll_for_ever();
	if (pid < 0)
		tb_fail("fork: %s", strerror(errno));
	tb_sleep_ms(100);
}

int main(int argc, char **argv)
{
	static const char *const ways[] = { "dontneed", "free", "punch", "zero", "huge-zero", NULL };
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	unsigned long limit = tb_size(argc, argv, "limit", TB_TABLE);
	enum way way = tb_choice(argc, argv, "way", ways);
	char text[24], *kept, *area;

	piece = tb_size(argc, argv, "piece", TB_PAGE);
	if (tb_number_or_none(argc, argv, "slow_rcu"))
		slow_grace_periods();
	tb_value("grace_us", grace_period_us());
	if (way != HUGE_ZERO)
		tb_no_huge_pages();
	snprintf(text, sizeof(text), "%lu", limit);
	tb_cgroup_put("memory.max", text);
	tb_cgroup_put("memory.swap.max", "0");
	kept = tb_book(KEPT);
	for (char *p = kept; p < kept + KEPT; p += TB_PAGE)
		tb_fill_page(p);
	area = map_area(way, span);
	tb_phase("start");
	for (unsigned long t = 0; t < span / TB_TABLE; t++)
		use(way, area + t * TB_TABLE, t);
	tb_phase("after");
	for (char *p = kept; p < kept + KEPT; p += TB_PAGE)
		tb_check_page(p);
	for (unsigned long t = 0; t < span / TB_TABLE && way != FREE; t += 64)
		tb_check_zero_page(area + t * TB_TABLE + t % (piece / TB_PAGE) * TB_PAGE);
	return 0;
}
