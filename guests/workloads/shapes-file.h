/* SPDX-License-Identifier: GPL-2.0-only */
/* Regions of files: of tmpfs by memfd, and of ramfs, whose page cache is not shmem. */
#ifndef SHAPES_FILE_H
#define SHAPES_FILE_H

#include "shapes-region.h"

#define RAMFS "/run/shapes-ramfs"

static bool has_ramfs;
static bool on_ramfs, shared;		/* the file, and the mapping, that is being filled */

static int new_file(unsigned long size)
{
	int fd = on_ramfs ? open(RAMFS "/f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
			  : memfd_create("shapes", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		tb_fail("a file of %lu bytes: %s", size, strerror(errno));
	if (on_ramfs)
		unlink(RAMFS "/f");
	return fd;
}

static enum entry touch_file_read(char *page, enum entry was)
{
	see(page);
	return was != NONE ? was : on_ramfs ? FILE_CLEAN : SHMEM;
}

/*
 * Dirty is what the entry's own bit says: ramfs knows no other. A private mapping's write leaves
 * the file behind.
 */
static enum entry touch_file_write(char *page, enum entry was)
{
	(void)was;
	tb_fill_page(page);
	return !shared ? ANON : on_ramfs ? FILE_DIRTY : SHMEM;
}

static enum entry touch_file_either(char *page, enum entry was)
{
	return pick(2) ? touch_file_read(page, was) : touch_file_write(page, was);
}

/*
 * A read fault maps what is in the page cache around it, and nobody but the kernel decides how
 * much; pagemap shows.
 */
static void adopt_faults_around(const struct region *r)
{
	for (unsigned long i = 0; i < r->pages; i++) {
		uint64_t word = state[i] == NONE ? pagemap_of(r->at + i * TB_PAGE) : 0;

		if (word & PM_PRESENT && word & PM_FILE)
			state[i] = on_ramfs ? FILE_CLEAN : SHMEM;
	}
}

/* Shared memory without a name is shmem too. */
static void fill_shared_anon(const struct region *r)
{
	on_ramfs = false;
	shared = true;
	doing = "shared anonymous";
	map_at(r->at, r->pages * TB_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	touch_some(r, touch_file_either);
}

static void fill_file(const struct region *r)
{
	static const touch_fn ways[] = { touch_file_read, touch_file_read, touch_file_write,
					 touch_file_either };
	unsigned long size = r->pages * TB_PAGE;
	bool read_only, cached;
	touch_fn touch;
	int fd;

	on_ramfs = has_ramfs && pick(2);
	shared = pick(2);
	touch = ways[theme == ONLY_FILES && !shared ? 0 : pick(4)];
	read_only = touch == touch_file_read && pick(2);
	cached = r->pages <= 2 * TABLE_PAGES && !pick(4);
	doing = on_ramfs ? "ramfs" : "memfd";
	fd = new_file(size);
	for (int i = 0; cached && i < 8; i++)
		if (pwrite(fd, "x", 1, pick(r->pages) * TB_PAGE) != 1)
			tb_fail("pwrite: %s", strerror(errno));
	map_at(r->at, size, PROT_READ | (read_only ? 0 : PROT_WRITE),
	       shared ? MAP_SHARED : MAP_PRIVATE, fd);
	close(fd);
	touch_some(r, touch);
	if (cached)
		adopt_faults_around(r);
	if (pick(2))
		make_holes(r);
}

#endif
