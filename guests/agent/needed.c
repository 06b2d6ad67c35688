// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that cannot go: a 2 MiB range with a present or swapped page other than the shared
 * zeropage needs its PTE table, and the tables above it. An estimate from outside of the tables,
 * until the census counts the tables themselves.
 *
 * PAGEMAP_SCAN skips holes at the level at which they are, so an empty span of terabytes costs
 * nothing; it leaves out VM_PFNMAP mappings altogether, and of these every process has one, [vvar].
 * That one is read entry by entry.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* include/uapi/linux/fs.h of 6.7 and later; Debian 12's own headers are older. */
struct page_region {
	uint64_t start, end, categories;
};

struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)
#define PAGE_IS_PFNZERO (1 << 5)

/* /proc/PID/pagemap */
#define PM_SWAP (1ULL << 62)
#define PM_PRESENT (1ULL << 63)

#define PAGE_SHIFT 12
#define KERNEL_HALF (1ULL << 63)

/*
 * One call of the kernel walks no more than this, so that a large process does not keep the agent
 * silent.
 */
#define AT_ONCE (64ULL << 30)

static struct page_region regions[4096];

/* Ranges come in ascending order, so what was counted last is all that must be remembered. */
struct level {
	int shift;
	uint64_t next;		/* first range that is not counted yet */
	long count;
};

static struct level levels[] = { { .shift = 21 }, { .shift = 30 }, { .shift = 39 } };
static struct level ranges[] = { { .shift = 21 }, { .shift = 30 }, { .shift = 39 } };

static void count_in(struct level *in, uint64_t start, uint64_t end)
{
	for (struct level *l = in; l < in + 3; l++) {
		uint64_t first = start >> l->shift, last = (end - 1) >> l->shift;

		if (first < l->next)
			first = l->next;
		if (first > last)
			continue;
		l->count += last - first + 1;
		l->next = last + 1;
	}
}

static void count(uint64_t start, uint64_t end)
{
	count_in(levels, start, end);
}

static bool scan(int pagemap, uint64_t start, uint64_t end)
{
	while (start < end) {
		struct pm_scan_arg arg = {
			.size = sizeof(arg),
			.start = start,
			.end = end - start < AT_ONCE ? end : start + AT_ONCE,
			.vec = (uintptr_t)regions,
			.vec_len = sizeof(regions) / sizeof(regions[0]),
			.category_inverted = PAGE_IS_PFNZERO,
			.category_mask = PAGE_IS_PFNZERO,
			.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
			/* .return_mask = 0: neighbours are one region, whatever else they are */
		};
		int n = ioctl(pagemap, PAGEMAP_SCAN, &arg);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || arg.walk_end <= start)
			return false;
		for (int i = 0; i < n; i++)
			count(regions[i].start, regions[i].end);
		start = arg.walk_end;
		heartbeat();
	}
	return true;
}

static bool read_entries(int pagemap, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += 1 << PAGE_SHIFT) {
		uint64_t entry, where = (at >> PAGE_SHIFT) * sizeof(entry);

		if (pread(pagemap, &entry, sizeof(entry), where) != sizeof(entry))
			return false;
		if (entry & (PM_PRESENT | PM_SWAP))
			count(at, at + (1 << PAGE_SHIFT));
	}
	return true;
}

/* "start-end perms offset dev inode   [name]" */
static bool count_mapping(int pagemap, const char *line)
{
	char *p;
	uint64_t start = strtoull(line, &p, 16), end = strtoull(p + 1, NULL, 16);

	/* [vsyscall]: shown for every process, mapped in the kernel's own tables. */
	if (start & KERNEL_HALF)
		return true;
	count_in(ranges, start, end);
	if (strstr(p, " [vvar"))
		return read_entries(pagemap, start, end);
	return scan(pagemap, start, end);
}

static bool count_mappings(int pagemap, int maps)
{
	static char text[65536];
	size_t len = 0;
	ssize_t n;

	/*
	 * The kernel gives whole lines, but as many as it likes: a line is taken when its end has
	 * been seen.
	 */
	while ((n = read(maps, text + len, sizeof(text) - 1 - len)) > 0) {
		char *line = text, *end;

		len += n;
		text[len] = '\0';
		while ((end = strchr(line, '\n'))) {
			*end = '\0';
			if (!count_mapping(pagemap, line))
				return false;
			line = end + 1;
		}
		len = text + len - line;
		memmove(text, line, len);
	}
	return n == 0;
}

/*
 * The process must not run meanwhile. False, with errno, when it is gone or the kernel cannot tell.
 */
bool needed_count(pid_t pid, struct needed *n)
{
	char path[NAME_MAX_LEN];
	int pagemap, maps;
	bool ok;

	for (int i = 0; i < 3; i++)
		levels[i].next = levels[i].count = ranges[i].next = ranges[i].count = 0;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = open(path, O_RDONLY | O_CLOEXEC);
	ok = pagemap >= 0 && maps >= 0 && count_mappings(pagemap, maps);
	if (pagemap >= 0)
		close(pagemap);
	if (maps >= 0)
		close(maps);
	*n = (struct needed){ levels[0].count, levels[1].count, levels[2].count,
			      ranges[1].count, ranges[2].count };
	return ok;
}
