// SPDX-License-Identifier: GPL-2.0-only
/*
 * The curve between two phases: a few counters, read while the workload runs.
 *
 * What is read for it is taken from what is measured, so it reads little: files that stay open and
 * keep their buffers in the kernel, and no more of each than holds what is looked for. Where that
 * takes long all the same (an emulated CPU, a kernel with checks) samples are fewer, so that they
 * stay below a hundredth of the guest's time.
 */
#include "agent.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000L
/*
 * From the begin of a sample to that of the next it takes so many times what one takes, seen from
 * here. Not seen are the timer, the switches to the agent and back, and the interrupt that comes
 * when the host has read: a tenth more.
 */
#define SHARE 150
#define REMEMBERED 4

enum { STATUS, MEMINFO, MEMORY_STAT, FILES };
static int fds[FILES];
static long every_ns, next_ns;	/* 0: no samples */
static long took_ns[REMEMBERED];	/* 0: not yet */
static unsigned int taken;
static char text[1536];

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * NS_PER_MS + t.tv_nsec;
}

static int file_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

void sampler_start(pid_t pid, long every_ms)
{
	char status[NAME_MAX_LEN];

	every_ns = every_ms * NS_PER_MS;
	if (!every_ns)
		return;
	snprintf(status, sizeof(status), "/proc/%d/status", pid);
	fds[STATUS] = file_open(status);
	fds[MEMINFO] = file_open("/proc/meminfo");
	fds[MEMORY_STAT] = file_open(cgroup_file("memory.stat"));
	next_ns = now_ns() + every_ns;
	memset(took_ns, 0, sizeof(took_ns));
}

void sampler_stop(void)
{
	if (!every_ns)
		return;
	every_ns = 0;
	for (int i = 0; i < FILES; i++)
		close(fds[i]);
}

/* For poll(): how long nothing is due, at most @longest. */
int sampler_rest_ms(int longest)
{
	long rest = every_ns ? next_ns - now_ns() : longest * NS_PER_MS;

	if (rest <= 0)
		return 0;
	rest = (rest + NS_PER_MS - 1) / NS_PER_MS;
	return rest < longest ? rest : longest;
}

static bool number(int file, const char *key, long *value)
{
	ssize_t n = pread(fds[file], text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return file_field(text, key, value);
}

/*
 * False where something cannot be read: the workload is on its way out, and its exit frame will
 * tell, or memory is short, and a later sample may be had again.
 */
static bool sample(void)
{
	long vmpte, vmrss, all, group;

	if (!number(STATUS, "VmRSS:", &vmrss) || !file_field(text, "VmPTE:", &vmpte) ||
	    !number(MEMINFO, "PageTables:", &all) || !number(MEMORY_STAT, "pagetables", &group))
		return false;
	json_begin("sample");
	json_open("counters");
	json_num("pagetables_kb", all);
	json_num("vmpte_kb", vmpte);
	json_num("vmrss_kb", vmrss);
	json_num("cgroup_pagetables_kb", group / 1024);
	json_close();
	json_send();
	return true;
}

/*
 * The least of the last few, as any may have had to wait for something else. The first ones are no
 * measure: their code has not run before.
 */
static long cost_ns(void)
{
	long least = took_ns[0];

	for (int i = 1; i < REMEMBERED; i++)
		if (took_ns[i] < least)
			least = took_ns[i];
	return least;
}

/* Sends a sample if one is due and the port would take it at once. */
void sampler_run(void)
{
	long begin, pause;

	if (!every_ns)
		return;
	begin = now_ns();
	if (begin < next_ns)
		return;
	if (frame_ready() && sample())
		took_ns[taken++ % REMEMBERED] = now_ns() - begin;
	pause = cost_ns() * SHARE;
	next_ns = begin + (pause > every_ns ? pause : every_ns);
}
