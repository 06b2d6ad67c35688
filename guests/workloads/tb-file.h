/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small files of /proc and /sys, without stdio: its buffers would make tables of their own after
 * `start`.
 */
#ifndef TB_FILE_H
#define TB_FILE_H

#include "tb.h"

#include <fcntl.h>

/* False where there is no such file or it refuses; errno says why. */
static inline bool tb_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), why;
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return done;
}

/* What is in a file, up to `size` - 1 bytes; empty where there is none. */
static inline const char *tb_slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return text;
}

/* A file of the own memory cgroup, made by the agent for this workload. */
static inline const char *tb_cgroup_file(const char *name)
{
	static char path[256];
	char own[200], *end;

	tb_slurp("/proc/self/cgroup", own, sizeof(own));
	end = strchr(own, '\n');
	if (strncmp(own, "0::/", 4) || !end)
		tb_fail("/proc/self/cgroup tells no cgroup v2: %.50s", own);
	*end = 0;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", own + 3, name);
	return path;
}

static inline void tb_cgroup_put(const char *name, const char *text)
{
	if (!tb_put(tb_cgroup_file(name), text))
		tb_fail("%s into %s: %s", text, tb_cgroup_file(name), strerror(errno));
}

static inline long long tb_cgroup_number(const char *name)
{
	char text[64];

	return atoll(tb_slurp(tb_cgroup_file(name), text, sizeof(text)));
}

/* ---- /proc/self/pagemap ---- */

#define TB_PRESENT (1ULL << 63)
#define TB_SWAPPED (1ULL << 62)		/* markers too */
#define TB_FRAME ((1ULL << 55) - 1)	/* seen by root */

static inline uint64_t tb_pagemap(const char *page)
{
	static int fd = -1;
	uint64_t word;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pread(fd, &word, sizeof(word), (uintptr_t)page / TB_PAGE * 8) != sizeof(word))
		tb_fail("pagemap at %p: %s", (void *)page, strerror(errno));
	return word;
}

/* How many of the pages, one in each `step` bytes, pagemap shows as one of `what`. */
static inline unsigned long tb_count(const char *area, unsigned long span, unsigned long step,
				     uint64_t what)
{
	unsigned long n = 0;

	for (unsigned long at = 0; at < span; at += step)
		n += !!(tb_pagemap(area + at) & what);
	return n;
}

#endif
