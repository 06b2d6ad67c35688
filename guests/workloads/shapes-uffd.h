/* SPDX-License-Identifier: GPL-2.0-only */
/* One userfaultfd for all that shapes.c registers; nobody answers its faults, so none may come. */
#ifndef SHAPES_UFFD_H
#define SHAPES_UFFD_H

#include "shapes-facts.h"

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

/* Newer than the headers of a stable distribution. */
#define UFFD_WP_UNPOPULATED (1 << 13)	/* since 6.4: markers in anonymous memory too */
#define UFFD_POISON (1 << 14)		/* since 6.6 */
#define UFFD_IOC_POISON _IOWR(UFFDIO, 0x08, struct uffd_poison)

struct uffd_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};

enum put { PUT_ZERO, PUT_COPY, PUT_POISON };

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
	uffd_features = api.features & (UFFD_WP_UNPOPULATED | UFFD_POISON |
					UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
					UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					UFFD_FEATURE_MISSING_SHMEM |
					UFFD_FEATURE_MINOR_SHMEM);
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

/* Not every kind of memory can be, and not for everything: ramfs not at all, for one. */
static bool uffd_try_register(char *at, unsigned long size, int which)
{
	static const uint64_t modes[] = {
		UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_WP,
		UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
		UFFDIO_REGISTER_MODE_MINOR,
	};

	return uffd_asked(at, size, modes[which]) ||
	       uffd_asked(at, size, UFFDIO_REGISTER_MODE_MISSING);
}

static void uffd_fill(char *page, enum put what)
{
	static char source[TB_PAGE] __attribute__((aligned(4096))) = "copied";
	struct uffdio_range to = { (uintptr_t)page, TB_PAGE };
	struct uffdio_zeropage z = { .range = to };
	struct uffd_poison p = { .range = to };
	struct uffdio_copy c = { .dst = (uintptr_t)page, .src = (uintptr_t)source, .len = TB_PAGE };

	if (what == PUT_ZERO ? ioctl(uffd, UFFDIO_ZEROPAGE, &z) :
	    what == PUT_COPY ? ioctl(uffd, UFFDIO_COPY, &c) : ioctl(uffd, UFFD_IOC_POISON, &p))
		tb_fail("userfaultfd puts no page at %p: %s", (void *)page, strerror(errno));
}

static void uffd_protect(char *at, unsigned long size)
{
	struct uffdio_writeprotect w = { { (uintptr_t)at, size }, UFFDIO_WRITEPROTECT_MODE_WP };

	if (ioctl(uffd, UFFDIO_WRITEPROTECT, &w))
		tb_fail("UFFDIO_WRITEPROTECT at %p: %s", (void *)at, strerror(errno));
}

#endif
