/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The answer, as values. `expect_pmd_*` and the like count the entries that point to a table, and
 * so does VmPTE; of these, `expect_pmd_shared` point to a hugetlb PMD table that another of them
 * points to as well. Of the zero entries, `_zero_ksm` are those that KSM made. `levels_freed_*` is
 * how many levels of tables this kernel freed at once when a table was emptied in that way (of a
 * huge page the first level is its own entry).
 */
#ifndef SHAPES_TELL_H
#define SHAPES_TELL_H

#include "shapes-empty.h"

static uint64_t window_lo = 16UL << 40, window_hi = 24UL << 40;

static void tell_upper(const char *level, const long count[NR_CLASS])
{
	char key[64];

	snprintf(key, sizeof(key), "expect_%s_needed", level);
	tb_value(key, count[NEEDED]);
	snprintf(key, sizeof(key), "expect_%s_file", level);
	tb_value(key, count[FILES]);
	snprintf(key, sizeof(key), "expect_%s_empty", level);
	tb_value(key, count[EMPTY]);
}

static void tell_answer(void)
{
	tb_value("expect_pte_empty", sums.pte_empty);
	tb_value("expect_pte_zero", sums.pte_zero);
	tb_value("expect_pte_file", sums.pte_file);
	tb_value("expect_pte_needed", sums.pte_needed);
	tell_upper("pmd", sums.upper[PMD]);
	tell_upper("pud", sums.upper[PUD]);
	tell_upper("p4d", sums.upper[P4D]);
	tb_value("expect_pmd_shared", sums.pmd_shared);
	tb_value("expect_deposit_zero", sums.deposit_zero);
	tb_value("expect_deposit_zero_held", sums.deposit_zero_held);
	tb_value("expect_deposit_thp", sums.deposit_thp);
	tb_value("expect_entries_anon", sums.entries[ANON]);
	tb_value("expect_entries_file_clean", sums.entries[FILE_CLEAN]);
	tb_value("expect_entries_file_dirty", sums.entries[FILE_DIRTY]);
	tb_value("expect_entries_shmem", sums.entries[SHMEM]);
	tb_value("expect_entries_zero", sums.entries[ZERO] + sums.entries[ZERO_KSM]);
	tb_value("expect_entries_zero_ksm", sums.entries[ZERO_KSM]);
	tb_value("expect_entries_marker", sums.entries[MARKER]);
	tb_value("expect_entries_swap", sums.entries[SWAP]);
	tb_value("expect_entries_device", sums.entries[DEVICE]);
	tb_value("expect_huge_anon", sums.huge[HUGE_ANON]);
	tb_value("expect_huge_shmem", sums.huge[HUGE_SHMEM]);
	tb_value("expect_huge_zero", sums.huge[HUGE_ZERO]);
	tb_value("expect_huge_zero_held", sums.huge_zero_held);
	tb_value("expect_huge_hugetlb", sums.huge[HUGE_HUGETLB]);
	tb_value("expect_vmpte_kb", sums.vmpte_kb);
}

static void tell_kernel(void)
{
	char key[64];

	tb_value("frees_whole", emptyings[WHOLE].levels > 0);
	tb_value("frees_pieces", emptyings[PIECES].levels > 0);
	for (unsigned int i = 0; i < NR_EMPTYINGS; i++) {
		snprintf(key, sizeof(key), "levels_freed_%s", emptyings[i].name);
		tb_value(key, emptyings[i].levels);
	}
	tb_value("shape_lo_gib", window_lo / GIB);
	tb_value("shape_hi_gib", window_hi / GIB);
}

#endif
