/* SPDX-License-Identifier: GPL-2.0-only */
/* Swap on the guest's RAM disk, which a run of the guest has for itself. */
#ifndef TB_SWAP_H
#define TB_SWAP_H

#include "tb-file.h"

#include <sys/swap.h>

#define TB_RAM_DISK "/dev/ram0"

struct tb_swap_header {
	char boot[1024];
	uint32_t version, last_page, nr_bad;
	char rest[TB_PAGE - 1024 - 3 * 4 - 10];
	char magic[10];
};

/* How many pages it takes; 0 where the guest has no RAM disk. A second run finds it in use. */
static inline unsigned long tb_swap_on(void)
{
	static struct tb_swap_header header = { .version = 1 };
	int fd = open(TB_RAM_DISK, O_RDWR | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size <= 0)
		return 0;
	header.last_page = size / TB_PAGE - 1;
	memcpy(header.magic, "SWAPSPACE2", sizeof(header.magic));
	if (pwrite(fd, &header, sizeof(header), 0) != sizeof(header) && errno != ETXTBSY)
		tb_fail("%s: %s", TB_RAM_DISK, strerror(errno));
	close(fd);
	if (swapon(TB_RAM_DISK, 0) && errno != EBUSY)
		tb_fail("swapon %s: %s", TB_RAM_DISK, strerror(errno));
	return header.last_page;
}

/* All of n pages to swap; a page that is on its way elsewhere takes a second try. */
static inline void tb_swap_out(char *area, unsigned long span, char *(*page)(char *area, unsigned long i),
			       unsigned long n)
{
	unsigned long there = 0;

	for (int i = 0; i < 10 && there < n; i++) {
		if (madvise(area, span, MADV_PAGEOUT))
			tb_fail("MADV_PAGEOUT: %s", strerror(errno));
		there = 0;
		for (unsigned long k = 0; k < n; k++)
			there += !!(tb_pagemap(page(area, k)) & TB_SWAPPED);
	}
	if (there < n)
		tb_fail("%lu of %lu pages went to swap", there, n);
}

#endif
