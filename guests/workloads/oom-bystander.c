// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes under one limit of memory. The bystander holds data that it needs; the eater uses
 * one page in each 2 MiB for a moment and gives it back, so that it holds next to nothing, but for
 * page tables. Swap is off. Whom the OOM killer takes when the limit is met, it takes for tables
 * that nobody needs: the larger of both, tables counted.
 */
#include "tb-press.h"

#include <signal.h>
#include <sys/wait.h>

static int ready[2];

/* As the kernel calls it when it kills it. */
static void call_it(const char *name)
{
	if (prctl(PR_SET_NAME, name))
		tb_fail("PR_SET_NAME: %s", strerror(errno));
}

static void __attribute__((noreturn)) stand_by(unsigned long size)
{
	char *data;

	call_it("bystander");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	data = tb_book(size);
	for (char *p = data; p < data + size; p += TB_PAGE)
		tb_fill_page(p);
	if (write(ready[1], "", 1) != 1)
		tb_fail("the bystander can't say that it is ready: %s", strerror(errno));
	for (;;)
		pause();
}

static pid_t bystander(unsigned long size)
{
	char byte;
	pid_t pid;

	if (pipe(ready))
		tb_fail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid)
		stand_by(size);
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		tb_fail("no bystander: %s", strerror(errno));
	return pid;
}

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	unsigned long limit = tb_size(argc, argv, "limit", TB_TABLE);
	unsigned long data = tb_size(argc, argv, "data", TB_PAGE);
	char text[24], *area;
	pid_t pid;

	call_it("eater");
	tb_no_huge_pages();
	snprintf(text, sizeof(text), "%lu", limit);
	tb_cgroup_put("memory.max", text);
	tb_cgroup_put("memory.swap.max", "0");
	area = tb_map(span);
	pid = bystander(data);
	tb_phase("start");
	for (unsigned long t = 0; t < span / TB_TABLE; t++) {
		char *page = area + t * TB_TABLE + t % 512 * TB_PAGE;

		tb_fill_page(page);
		tb_check_page(page);
		tb_give_back(page, TB_PAGE);
	}
	tb_phase("after");
	if (waitpid(pid, NULL, WNOHANG))
		tb_fail("the bystander was killed, and what filled the limit is page tables of nothing");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
