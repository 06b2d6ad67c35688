// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfaultfd's write protection of pages that are not there: a marker in every 2 MiB, in
 * anonymous memory or in a file (--memory=anon or shmem), no page anywhere. A marker is all that
 * says that a write to come must be reported, so no table may go, and each write is reported after
 * reclaim.
 */
#include "tb-press.h"
#include "tb-uffd.h"

static char *page_of(char *area, unsigned long table)
{
	return area + table * TB_TABLE + table % 512 * TB_PAGE;
}

static void map_file(char *area, unsigned long span)
{
	int fd = memfd_create("marker-flood", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, span) ||
	    mmap(area, span, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != area)
		tb_fail("memfd: %s", strerror(errno));
	close(fd);
}

int main(int argc, char **argv)
{
	static const char *const memories[] = { "anon", "shmem", NULL };
	unsigned long span = tb_size(argc, argv, "span", TB_TABLE);
	bool shmem = tb_choice(argc, argv, "memory", memories);
	enum tb_press press = tb_press_asked(argc, argv);
	static struct tb_uffd uffd;
	char *area;

	tb_no_huge_pages();
	tb_uffd_open(&uffd);
	tb_phase("start");
	area = tb_map(span);
	if (shmem)
		map_file(area, span);
	tb_uffd_register_wp(&uffd, area, span);
	for (unsigned long t = 0; t < span / TB_TABLE; t++)
		tb_uffd_wp(&uffd, page_of(area, t), TB_PAGE, true);
	tb_phase("peak");
	tb_phase("after");
	tb_press(press, TB_SELF);
	for (unsigned long t = 0; t < span / TB_TABLE; t++) {
		tb_fill_page(page_of(area, t));
		if (atomic_load(&uffd.writes) != t + 1 ||
		    atomic_load(&uffd.last) != (uintptr_t)page_of(area, t))
			tb_fail("a write to %p was not reported: its marker is lost",
				(void *)page_of(area, t));
	}
	for (unsigned long t = 0; t < span / TB_TABLE; t++)
		tb_check_page(page_of(area, t));
	tb_value("writes_reported", atomic_load(&uffd.writes));
	return 0;
}
