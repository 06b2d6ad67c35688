/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that hold much memory: they fork, their child execs, they end. */
#ifndef OVERHEAD_PROCESS_H
#define OVERHEAD_PROCESS_H

#include "overhead-arena.h"

#include <sys/wait.h>

#define BIG (512UL << 20)
#define BIG_EXIT (128UL << 20)	/* touched anew for each batch */
#define EXEC_SELF "--exit"

/* Touched once, by the first operation that wants it; they come last. */
static void be_big(void)
{
	static bool big;
	struct arena a;

	if (big)
		return;
	arena_map(&a, BIG / TB_TABLE);
	arena_touch(&a, 0, TABLE_PAGES);
	big = true;
}

static pid_t forked(void)
{
	pid_t pid = fork();

	if (pid < 0)
		tb_fail("fork: %s", strerror(errno));
	return pid;
}

static void await(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		tb_fail("a child ended with %#x", status);
}

static void fork_and_wait(bool exec)
{
	static char *const argv[] = { "overhead", EXEC_SELF, NULL };
	static char *const envp[] = { NULL };
	pid_t pid = forked();

	if (!pid) {
		if (exec)
			execve("/proc/self/exe", argv, envp);
		_exit(exec);
	}
	await(pid);
}

static void op_fork(struct batch *b)
{
	be_big();
	batch_begin(b);
	batch_go(b);
	fork_and_wait(false);
	batch_halt(b);
	batch_end(b, 1);
}

static void op_fork_exec(struct batch *b)
{
	be_big();
	batch_begin(b);
	batch_go(b);
	fork_and_wait(true);
	batch_halt(b);
	batch_end(b, 1);
}

/* The child begins the batch, since its touching is no part of it; the page is shared. */
static void op_exit_big(struct batch *b)
{
	struct batch *shared = mmap(NULL, TB_PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	pid_t pid;

	if (shared == MAP_FAILED)
		tb_fail("mmap of a page: %s", strerror(errno));
	pid = forked();
	if (!pid) {
		struct arena a;

		arena_map(&a, BIG_EXIT / TB_TABLE);
		arena_touch(&a, 0, TABLE_PAGES);
		batch_begin(shared);
		batch_go(shared);
		_exit(0);
	}
	await(pid);
	batch_halt(shared);
	*b = *shared;
	batch_end(b, 1);
	if (munmap(shared, TB_PAGE))
		tb_fail("munmap: %s", strerror(errno));
}

#endif
