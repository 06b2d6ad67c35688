// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zeropages that mean something, and what becomes of a program that relies on them:
 *
 *  - read before a userfaultfd is opened, and write-protected afterwards, as QEMU does for a
 *    background snapshot: each write is reported, whether or not the zeropage is still there;
 *  - locked: they stay, and no access to them is a fault;
 *  - put over a file by UFFDIO_ZEROPAGE, in a private mapping: they hide what is in the file, also
 *    when the range is registered no more.
 */
#include "tb-press.h"
#include "tb-uffd.h"

static void read_all(char *area, unsigned long span)
{
	for (unsigned long at = 0; at < span; at += TB_PAGE)
		tb_check_zero_page(area + at);
}

/* All pages are in core, or none is. */
static bool in_core(char *area, unsigned long span)
{
	static unsigned char core[512];
	unsigned long there = 0;

	for (unsigned long t = 0; t < span; t += TB_TABLE) {
		if (mincore(area + t, TB_TABLE, core))
			tb_fail("mincore: %s", strerror(errno));
		for (int i = 0; i < 512; i++)
			there += core[i] & 1;
	}
	if (there && there != span / TB_PAGE)
		tb_fail("%lu of %lu pages are in core", there, span / TB_PAGE);
	return there;
}

/* No features: what is none is not protected unless the kernel knows better. */
static void writes_are_reported(char *area, unsigned long span)
{
	static struct tb_uffd uffd;
	unsigned long writes = 0;

	tb_uffd_open_with(&uffd, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	tb_uffd_register_wp(&uffd, area, span);
	tb_uffd_wp(&uffd, area, span, true);
	for (unsigned long at = 0; at < span; at += 37 * TB_PAGE) {
		tb_fill_page(area + at);
		if (atomic_load(&uffd.writes) != ++writes ||
		    atomic_load(&uffd.last) != (uintptr_t)area + at)
			tb_fail("a write to %p was not reported: a zeropage was read there, and went",
				(void *)(area + at));
	}
	tb_value("writes_reported", writes);
}

/* A file full of something, and a private mapping of it. */
static char *map_file(unsigned long span)
{
	int fd = memfd_create("kept-meaning", MFD_CLOEXEC);
	char *area, page[TB_PAGE];

	memset(page, 'x', sizeof(page));
	for (unsigned long at = 0; at < span; at += TB_PAGE)
		if (fd < 0 || pwrite(fd, page, TB_PAGE, at) != (ssize_t)TB_PAGE)
			tb_fail("memfd: %s", strerror(errno));
	area = tb_map(span);
	if (mmap(area, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) != area)
		tb_fail("mmap of a file: %s", strerror(errno));
	close(fd);
	return area;
}

static void cover_by_zeropages(char *area, unsigned long span)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { { (uintptr_t)area, span }, UFFDIO_REGISTER_MODE_MISSING, 0 };
	struct uffdio_zeropage zero = { { (uintptr_t)area, span }, 0, 0 };
	struct uffdio_range range = { (uintptr_t)area, span };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg) ||
	    ioctl(fd, UFFDIO_ZEROPAGE, &zero) || ioctl(fd, UFFDIO_UNREGISTER, &range))
		tb_fail("UFFDIO_ZEROPAGE over a file: %s", strerror(errno));
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	enum tb_press press = tb_press_asked(argc, argv);
	char *read, *locked, *file;

	tb_no_huge_pages();
	tb_phase("start");
	read = tb_map(span);
	locked = tb_map(span);
	read_all(read, span);
	read_all(locked, span);
	/* What could be written would get pages of its own. */
	if (mprotect(locked, span, PROT_READ) || mlock(locked, span))
		tb_fail("mlock: %s", strerror(errno));
	tb_phase("peak");
	tb_phase("after");
	tb_press(press, TB_SELF);

	tb_value("read_zeropages_went", !in_core(read, span));
	if (!in_core(locked, span))
		tb_fail("locked pages are not in core");
	writes_are_reported(read, span);

	file = map_file(span);
	cover_by_zeropages(file, span);
	read_all(file, span);
	tb_pass(TB_SELF);
	tb_reclaim_cgroup();
	read_all(file, span);
	return 0;
}
