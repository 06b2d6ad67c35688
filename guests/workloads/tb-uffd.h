/* SPDX-License-Identifier: GPL-2.0-only */
/* Write protection by userfaultfd, and a thread that answers its faults. */
#ifndef TB_UFFD_H
#define TB_UFFD_H

#include "tb-file.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#ifndef UFFD_FEATURE_WP_UNPOPULATED	/* since 6.4: markers in anonymous memory too */
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif

#ifndef UFFDIO_POISON	/* since 6.6 */
#define UFFD_FEATURE_POISON (1 << 14)
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)

struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;
	__s64 updated;
};
#endif

#ifndef UFFDIO_MOVE	/* since 6.8 */
#define UFFD_FEATURE_MOVE (1 << 16)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES 2ULL
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)

struct uffdio_move {
	__u64 dst, src, len, mode;
	__s64 move;
};
#endif

struct tb_uffd {
	int fd;
	atomic_ulong writes;		/* that were reported, and let through */
	_Atomic uint64_t last;		/* where */
};

static inline void tb_uffd_wp(struct tb_uffd *u, char *at, unsigned long size, bool protect)
{
	struct uffdio_writeprotect w = {
		{ (uintptr_t)at, size }, protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0
	};

	if (ioctl(u->fd, UFFDIO_WRITEPROTECT, &w))
		tb_fail("UFFDIO_WRITEPROTECT at %p: %s", (void *)at, strerror(errno));
}

static inline void *tb_uffd_answer(void *arg)
{
	struct tb_uffd *u = arg;
	struct uffd_msg m;

	while (read(u->fd, &m, sizeof(m)) == sizeof(m)) {
		uint64_t page = m.arg.pagefault.address & ~(TB_PAGE - 1);

		if (m.event != UFFD_EVENT_PAGEFAULT ||
		    !(m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP))
			tb_fail("userfaultfd reports what is no write: event %d", m.event);
		atomic_store(&u->last, page);
		atomic_fetch_add(&u->writes, 1);
		tb_uffd_wp(u, (char *)page, TB_PAGE, false);
	}
	return NULL;
}

/* Its thread has a stack, which has a table: before `start`, or when all is measured. */
static inline void tb_uffd_open_with(struct tb_uffd *u, unsigned long long features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	pthread_t thread;

	u->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (u->fd < 0 || ioctl(u->fd, UFFDIO_API, &api))
		tb_fail("userfaultfd with features %#llx: %s", features, strerror(errno));
	errno = pthread_create(&thread, NULL, tb_uffd_answer, u);
	if (errno)
		tb_fail("a thread: %s", strerror(errno));
}

static inline void tb_uffd_open(struct tb_uffd *u)
{
	tb_uffd_open_with(u, UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_UNPOPULATED |
			     UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
}

static inline void tb_uffd_register_wp(struct tb_uffd *u, char *at, unsigned long size)
{
	struct uffdio_register r = { { (uintptr_t)at, size }, UFFDIO_REGISTER_MODE_WP, 0 };

	if (ioctl(u->fd, UFFDIO_REGISTER, &r))
		tb_fail("UFFDIO_REGISTER at %p: %s", (void *)at, strerror(errno));
}

#endif
