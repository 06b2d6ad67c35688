/* SPDX-License-Identifier: GPL-2.0-only */
/* One userfaultfd for all that shapes.c registers; nobody ever answers a fault, so none may come. */
#ifndef SHAPES_UFFD_H
#define SHAPES_UFFD_H

#include "shapes-facts.h"

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

#define UFFD_WP_UNPOPULATED (1 << 13)	/* since 6.4: markers in anonymous memory too */

static int uffd = -1;
static uint64_t uffd_features;

/* Asked for everything first, then for what there is of what we want. */
static void uffd_open(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int asks = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (asks < 0 || ioctl(asks, UFFDIO_API, &api))
		return;
	close(asks);
	uffd_features = api.features & (UFFD_WP_UNPOPULATED | UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
					UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					UFFD_FEATURE_MISSING_SHMEM);
	api = (struct uffdio_api){ .api = UFFD_API, .features = uffd_features };
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		tb_fail("userfaultfd: %s", strerror(errno));
}

static bool uffd_asked(char *at, unsigned long size, uint64_t mode)
{
	struct uffdio_register r = { { (uintptr_t)at, size }, mode, 0 };

	return !ioctl(uffd, UFFDIO_REGISTER, &r);
}

static void uffd_register(char *at, unsigned long size, uint64_t mode)
{
	if (!uffd_asked(at, size, mode))
		tb_fail("UFFDIO_REGISTER at %p: %s", (void *)at, strerror(errno));
}

/* Not every kind of memory can be: ramfs, for one. */
static bool uffd_try_register(char *at, unsigned long size)
{
	return uffd_asked(at, size, UFFDIO_REGISTER_MODE_MISSING);
}

static void uffd_fill(char *page, bool zero)
{
	static char source[TB_PAGE] __attribute__((aligned(4096))) = "copied";
	struct uffdio_zeropage z = { .range = { (uintptr_t)page, TB_PAGE } };
	struct uffdio_copy c = { .dst = (uintptr_t)page, .src = (uintptr_t)source, .len = TB_PAGE };

	if (zero ? ioctl(uffd, UFFDIO_ZEROPAGE, &z) : ioctl(uffd, UFFDIO_COPY, &c))
		tb_fail("userfaultfd puts no page at %p: %s", (void *)page, strerror(errno));
}

static void uffd_protect(char *at, unsigned long size)
{
	struct uffdio_writeprotect w = { { (uintptr_t)at, size }, UFFDIO_WRITEPROTECT_MODE_WP };

	if (ioctl(uffd, UFFDIO_WRITEPROTECT, &w))
		tb_fail("UFFDIO_WRITEPROTECT at %p: %s", (void *)at, strerror(errno));
}

#endif
