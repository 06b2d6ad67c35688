/* SPDX-License-Identifier: GPL-2.0-only */
/* What shapes.c asks the kernel, and sets in it: files of /proc and /sys, none of them a census. */
#ifndef SHAPES_FACTS_H
#define SHAPES_FACTS_H

#include "shapes.h"
#include "tb-file.h"

#include <sys/ioctl.h>

/* Newer than the headers of a stable distribution. */
#define PM_SCAN _IOWR('f', 16, struct pm_scan)
#define PM_SCAN_PRESENT (1 << 3)
#define PM_SCAN_HUGE (1 << 6)

struct pm_region {
	uint64_t start, end, categories;
};

struct pm_scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PM_PRESENT (1ULL << 63)
#define PM_SWAP (1ULL << 62)		/* markers too */
#define PM_FILE (1ULL << 61)
#define PM_GUARD (1ULL << 58)
#define PM_PFN ((1ULL << 55) - 1)

static int pagemap = -1;
static uint64_t zero_pfn;

/* All of a file, however long. No stdio, here as in tb-file.h. */
static const char *slurp(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && len < sizeof(text) - 1) {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		len += n > 0 ? n : 0;
	}
	if (fd >= 0)
		close(fd);
	text[len] = 0;
	return text;
}

static long vmpte_kb(void)
{
	const char *line = strstr(slurp("/proc/self/status"), "VmPTE:");

	if (!line)
		tb_fail("/proc/self/status has no VmPTE");
	return atol(line + 6);
}

static void pagemap_read(uint64_t at, unsigned long pages, uint64_t *to)
{
	if (pread(pagemap, to, pages * 8, at / TB_PAGE * 8) != (ssize_t)(pages * 8))
		tb_fail("pagemap at %#lx: %s", (unsigned long)at, strerror(errno));
}

static uint64_t pagemap_of(const char *page)
{
	uint64_t word;

	pagemap_read((uintptr_t)page, 1, &word);
	return word;
}

static bool is_huge(const char *p)
{
	struct pm_region found = { 0 };
	struct pm_scan scan = {
		.size = sizeof(scan), .start = (uintptr_t)p, .end = (uintptr_t)p + TB_TABLE,
		.vec = (uintptr_t)&found, .vec_len = 1, .category_mask = PM_SCAN_PRESENT,
		.return_mask = PM_SCAN_PRESENT | PM_SCAN_HUGE,
	};

	if (ioctl(pagemap, PM_SCAN, &scan) < 0)
		tb_fail("PAGEMAP_SCAN: %s", strerror(errno));
	return found.categories & PM_SCAN_HUGE;
}

static void pagemap_open(void)
{
	char *page = tb_map(TB_TABLE);

	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0)
		tb_fail("pagemap: %s", strerror(errno));
	tb_check_zero_page(page);
	zero_pfn = pagemap_of(page) & PM_PFN;
	if (!zero_pfn)
		tb_fail("pagemap shows no frame numbers: this must run as root");
}

/* ---- do the books tell what can be seen from inside? ---- */

/*
 * The kinds of entry that pagemap tells apart: it knows no difference between clean and dirty, or
 * between the page cache of one file system and another's.
 */
enum seen { SEEN_ANON, SEEN_FILE, SEEN_ZERO, SEEN_GONE, NR_SEEN };

static void what_books_say(const struct node *n, long seen[NR_SEEN])
{
	seen[SEEN_ANON] = n->entries[ANON];
	seen[SEEN_FILE] = n->entries[FILE_CLEAN] + n->entries[FILE_DIRTY] + n->entries[SHMEM];
	seen[SEEN_ZERO] = n->entries[ZERO] + n->entries[ZERO_KSM];
	seen[SEEN_GONE] = n->entries[SWAP] + n->entries[MARKER];
}

static void what_pagemap_says(uint64_t at, long seen[NR_SEEN])
{
	static uint64_t words[TABLE_PAGES];

	pagemap_read(at, TABLE_PAGES, words);
	for (int i = 0; i < TABLE_PAGES; i++) {
		if (words[i] & (PM_SWAP | PM_GUARD))
			seen[SEEN_GONE]++;
		else if (words[i] & PM_PRESENT && words[i] & PM_FILE)
			seen[SEEN_FILE]++;
		else if (words[i] & PM_PRESENT && (words[i] & PM_PFN) == zero_pfn)
			seen[SEEN_ZERO]++;
		else if (words[i] & PM_PRESENT)
			seen[SEEN_ANON]++;
	}
}

/* How many 2 MiB hold, says pagemap, something else than the books; the first of them are told. */
static long wrong_tables(void)
{
	long wrong = 0;

	for (struct node *n = nodes; n < nodes + BUCKETS; n++) {
		long books[NR_SEEN] = { 0 }, sight[NR_SEEN] = { 0 };
		char *at = (char *)node_address(n);

		/* The vvar is shown or not, as the kernel is; nothing else is in that table. */
		if (!n->used || n->level != PTE || n->entries[DEVICE])
			continue;
		if (n->huge) {
			wrong += !is_huge(at);
			continue;
		}
		what_books_say(n, books);
		what_pagemap_says((uintptr_t)at, sight);
		if (!memcmp(books, sight, sizeof(books)))
			continue;
		if (++wrong <= 5)
			dprintf(2, "%p: %ld anon %ld file %ld zero %ld gone, but %ld %ld %ld %ld\n",
				(void *)at, books[0], books[1], books[2], books[3],
				sight[0], sight[1], sight[2], sight[3]);
	}
	return wrong;
}

#endif
