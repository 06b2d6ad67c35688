/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A pass of the kernel over this process's page tables, on request, and what it costs though it
 * sleeps.
 */
#ifndef OVERHEAD_PASS_H
#define OVERHEAD_PASS_H

#include "overhead-clock.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define PASS_FILE "/sys/kernel/mm/pgtable_reclaim/reclaim"

/*
 * The guest's time leaps while it idles, and the TSC with it. So whoever times what may sleep lets
 * a process of the lowest class fill the gaps, which counts the instructions that it was given.
 */
struct filler {
	pid_t pid;
	volatile uint64_t *rounds;
};

#define FILLER_COST (SPIN_COST + 3)

static inline void filler_stop(struct filler *f)
{
	int status;

	if (kill(f->pid, SIGSTOP) || waitpid(f->pid, &status, WUNTRACED) != f->pid ||
	    !WIFSTOPPED(status))
		tb_fail("the filler does not stop");
}

static inline void filler_start(struct filler *f)
{
	struct sched_param none = { 0 };

	f->rounds = mmap(NULL, TB_PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (f->rounds == MAP_FAILED)
		tb_fail("the filler's page: %s", strerror(errno));
	f->pid = fork();
	if (f->pid < 0)
		tb_fail("fork: %s", strerror(errno));
	if (!f->pid) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ||
		    sched_setscheduler(0, SCHED_IDLE, &none))
			_exit(1);
		__asm__ volatile("1: mov %0, %%rcx\n"
				 "2: dec %%rcx; jnz 2b\n"
				 "incq (%1)\n"
				 "jmp 1b"
				 : : "i"(SPIN), "r"(f->rounds) : "rcx", "cc", "memory");
	}
	while (!*f->rounds && !waitpid(f->pid, NULL, WNOHANG))
		sched_yield();
	filler_stop(f);
}

static inline void filler_continue(struct filler *f)
{
	if (kill(f->pid, SIGCONT))
		tb_fail("the filler: %s", strerror(errno));
}

/* Instructions so far that would have been idle time. */
static inline uint64_t filler_taken(const struct filler *f)
{
	return *f->rounds * FILLER_COST;
}

static struct filler filler;

/* Nothing where the kernel has no such file. */
static inline void batch_pass(struct batch *b)
{
	char pid[32];
	int len = snprintf(pid, sizeof(pid), "%d", getpid());
	int fd = open(PASS_FILE, O_WRONLY);
	uint64_t begin, idle;

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0)
		tb_fail(PASS_FILE ": %s", strerror(errno));
	filler_continue(&filler);
	idle = filler_taken(&filler);
	begin = clock_now();
	if (write(fd, pid, len) != len)
		tb_fail(PASS_FILE ": %s", strerror(errno));
	b->pass = clock_now() - begin - (filler_taken(&filler) - idle);
	b->passed = true;
	filler_stop(&filler);
	close(fd);
}

#endif
