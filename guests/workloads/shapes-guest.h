/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest must have for shapes.c to make everything; what it lacks is left out. */
#ifndef SHAPES_GUEST_H
#define SHAPES_GUEST_H

#include "shapes-huge.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define NR_HUGEPAGES "/proc/sys/vm/nr_hugepages"
#define RAM_DISK "/dev/ram0"

struct swap_header {
	char boot[1024];
	uint32_t version, last_page, nr_bad;
	char rest[TB_PAGE - 1024 - 3 * 4 - 10];
	char magic[10];
};

static void swap_to_ram_disk(void)
{
	static struct swap_header header = { .version = 1 };
	int fd = open(RAM_DISK, O_RDWR | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size <= 0)
		return;
	/* A second run in the same guest finds it in use. */
	header.last_page = size / TB_PAGE - 1;
	memcpy(header.magic, "SWAPSPACE2", sizeof(header.magic));
	if (pwrite(fd, &header, sizeof(header), 0) != sizeof(header) && errno != ETXTBSY)
		tb_fail("%s: %s", RAM_DISK, strerror(errno));
	close(fd);
	if (swapon(RAM_DISK, 0) && errno != EBUSY)
		tb_fail("swapon %s: %s", RAM_DISK, strerror(errno));
}

/* Huge pages where they are asked for and nowhere else, and no khugepaged that makes them later. */
static void prepare_guest(void)
{
	put(THP "enabled", "madvise");
	put(THP "defrag", "always");
	put(THP "shmem_enabled", "advise");
	put(THP "use_zero_page", "1");
	put(THP "khugepaged/scan_sleep_millisecs", "4000000000");
	put(THP "khugepaged/pages_to_scan", "1");
	put(NR_HUGEPAGES, "12");
	hugetlb_pages = atoi(slurp(NR_HUGEPAGES));
	mkdir(RAMFS, 0700);
	has_ramfs = !mount("ramfs", RAMFS, "ramfs", 0, NULL);
	swap_to_ram_disk();
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
