/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest must have for shapes.c to make everything; what it lacks is left out. */
#ifndef SHAPES_GUEST_H
#define SHAPES_GUEST_H

#include "shapes-huge.h"
#include "tb-swap.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define NR_HUGEPAGES "/proc/sys/vm/nr_hugepages"

/*
 * Huge pages where they are asked for and nowhere else, and no khugepaged that makes them later. No
 * reclaim of tables: what ptreclaim frees at once and what it lets lie depends on all that was
 * before, and a census of what was built is the aim here.
 */
static void prepare_guest(void)
{
	tb_put("/sys/kernel/mm/pgtable_reclaim/enabled", "0");
	tb_put(THP "enabled", "madvise");
	tb_put(THP "defrag", "always");
	tb_put(THP "shmem_enabled", "advise");
	tb_put(THP "use_zero_page", "1");
	tb_put(THP "khugepaged/scan_sleep_millisecs", "4000000000");
	tb_put(THP "khugepaged/pages_to_scan", "1");
	tb_put(NR_HUGEPAGES, "12");
	hugetlb_pages = atoi(slurp(NR_HUGEPAGES));
	mkdir(RAMFS, 0700);
	has_ramfs = !mount("ramfs", RAMFS, "ramfs", 0, NULL);
	tb_swap_on();
	prepare_ksm();
	uffd_open();
}

static bool huge_alone(bool write)
{
	bool huge;

	if (madvise(map_anon(ALONE, TB_TABLE), TB_TABLE, MADV_HUGEPAGE))
		return false;
	if (write)
		tb_fill_page(ALONE);
	else
		see(ALONE);
	huge = is_huge(ALONE);
	munmap(ALONE, TB_TABLE);
	return huge;
}

static bool huge_shmem_alone(void)
{
	int fd = memfd_create("shapes", MFD_CLOEXEC);
	bool huge;

	if (ftruncate(fd, TB_TABLE))
		tb_fail("memfd: %s", strerror(errno));
	advise(map_at(ALONE, TB_TABLE, PROT_READ | PROT_WRITE, MAP_SHARED, fd), TB_TABLE,
	       MADV_HUGEPAGE);
	close(fd);
	tb_fill_page(ALONE);
	huge = is_huge(ALONE);
	munmap(ALONE, TB_TABLE);
	return huge;
}

static void probe(void)
{
	can_huge = huge_alone(true);
	can_huge_zero = huge_alone(false);
	can_huge_shmem = can_huge && huge_shmem_alone();
	for (unsigned int i = 0; i < NR_EMPTYINGS; i++)
		probe_emptying(&emptyings[i]);
}

#endif
