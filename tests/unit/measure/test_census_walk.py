# SPDX-License-Identifier: GPL-2.0-only
"""The walk of trees that no honest kernel would leave behind: bounded, each table once, what is wrong is counted."""

import numpy as np
import pytest
from ram import KERNEL, LEAF, PAGE_OFFSET, PAGES, PRESENT, Ram, page

from testbed.measure.census.deposits import read_deposits
from testbed.measure.census.walk import PMD, PTE, PUD, walk, walk_kernel

KERNEL_TOP, TOP, PUD_TABLE, PMD_TABLE, PTE_TABLE, OTHER_TOP = 10, 20, 21, 22, 23, 30


@pytest.fixture
def ram(tmp_path) -> Ram:
    """One process with one table of each level, at address 0; a kernel with one table at the top half's start."""
    ram = Ram(tmp_path / "ram")
    ram.point(KERNEL_TOP, 256, 11)
    ram.point(TOP, 256, 11)
    ram.point(TOP, 0, PUD_TABLE)
    ram.point(PUD_TABLE, 0, PMD_TABLE)
    ram.point(PMD_TABLE, 0, PTE_TABLE)
    ram.tables(11, PUD_TABLE, PMD_TABLE, PTE_TABLE)
    return ram


def walked(ram: Ram, *tops: int, hugetlb: bool = False):
    kernel = walk_kernel(ram.memory, ram.memmap, 4, np.array([KERNEL_TOP << 12], dtype=np.uint64))
    roots = np.array([top << 12 for top in tops or (TOP,)], dtype=np.uint64)
    return walk(ram.memory, ram.memmap, 4, roots, kernel, np.full(len(roots), hugetlb))


def found(tree, level: int) -> list[int]:
    return tree.level(level).pfn.tolist()


def bad(tree) -> dict[int, int]:
    return {level.level: len(level.bad) for level in tree.levels if len(level.bad)}


def test_each_level_of_a_sound_tree_is_found_and_nothing_is_bad(ram):
    tree = walked(ram)
    assert (found(tree, PUD), found(tree, PMD), found(tree, PTE)) == ([PUD_TABLE], [PMD_TABLE], [PTE_TABLE])
    assert bad(tree) == {}


def test_what_a_process_borrows_of_the_kernel_is_not_its_own(ram):
    assert not any(11 in level.pfn for level in walked(ram).levels)


def test_table_in_the_upper_half_that_the_kernel_lacks_is_the_process_own(ram):
    ram.point(TOP, 300, 40)
    ram.tables(40)
    tree = walked(ram)
    assert sorted(found(tree, PUD)) == [PUD_TABLE, 40]
    assert int(tree.level(PUD).address.max()) == 0xFFFF_0000_0000_0000 | 300 << 39


@pytest.mark.parametrize("target", [PAGES, PAGES + 1000, (1 << 40) - 1])
def test_entry_that_leads_out_of_ram_is_bad(ram, target):
    ram.point(PUD_TABLE, 5, target)
    tree = walked(ram)
    assert bad(tree) == {PMD: 1}
    assert found(tree, PMD) == [PMD_TABLE]


def test_entry_that_leads_to_a_page_of_another_type_is_bad(ram):
    ram.point(PMD_TABLE, 5, 77)
    assert bad(walked(ram)) == {PTE: 1}


@pytest.mark.parametrize("ancestor", [TOP, PUD_TABLE, PMD_TABLE])
def test_loop_is_bad_and_ends(ram, ancestor):
    ram.tables(TOP)
    ram.point(PMD_TABLE, 9, ancestor)
    tree = walked(ram)
    assert bad(tree) == {PTE: 1}
    assert found(tree, PTE) == [PTE_TABLE]


def test_table_of_two_parents_is_counted_once(ram):
    ram.point(PUD_TABLE, 1, 24)
    ram.tables(24)
    ram.point(24, 0, PTE_TABLE)
    tree = walked(ram)
    assert found(tree, PTE) == [PTE_TABLE]
    assert bad(tree) == {PTE: 1}


def test_full_table_of_entries_that_all_lead_to_itself_is_bad_many_times(ram):
    for slot in range(512):
        ram.point(PMD_TABLE, slot, PMD_TABLE)
    assert bad(walked(ram)) == {PTE: 512}


def test_pmd_table_of_two_processes_is_lent_where_both_have_hugetlb_pages_else_bad(ram):
    ram.point(OTHER_TOP, 0, 31)
    ram.point(31, 0, PMD_TABLE)
    ram.tables(31)
    lent = walked(ram, TOP, OTHER_TOP, hugetlb=True)
    assert (found(lent, PMD), lent.shared.tolist(), bad(lent)) == ([PMD_TABLE], [1], {})
    assert bad(walked(ram, TOP, OTHER_TOP)) == {PMD: 1}


def test_process_that_claims_a_table_of_the_kernel_is_bad(ram):
    ram.point(TOP, 3, 11)
    assert bad(walked(ram)) == {PUD: 1}


def test_huge_page_above_the_pud_level_is_bad(ram):
    ram.point(TOP, 4, 100, PRESENT | LEAF)
    assert bad(walked(ram)) == {PUD: 1}


def test_accessed_and_dirty_bits_alone_are_no_entry(ram):
    ram.entries[PMD_TABLE, 7] = 0x60
    tree = walked(ram)
    assert bad(tree) == {}
    assert len(tree.level(PMD).leaf_row) == 0


def test_top_table_outside_ram_is_left_out(ram):
    tree = walked(ram, TOP, PAGES + 5)
    assert tree.tops.tolist() == [TOP]


def test_kernel_tree_whose_entries_all_lead_to_one_table_is_walked_once(ram):
    for slot in range(256, 512):
        ram.point(KERNEL_TOP, slot, 11)
    for slot in range(512):
        ram.point(11, slot, 12)
        ram.point(12, slot, 12)
    kernel = walk_kernel(ram.memory, ram.memmap, 4, np.array([KERNEL_TOP << 12], dtype=np.uint64))
    assert kernel.pfns.tolist() == [KERNEL_TOP, 11, 12]


# --- deposits ---


def deposits(ram: Ram, head: int):
    visited = np.zeros(PAGES, dtype=np.bool_)
    visited[[TOP, PUD_TABLE, PMD_TABLE, PTE_TABLE]] = True
    return read_deposits(KERNEL, ram.memmap, np.array([head], dtype=np.uint64), visited)


def ring(ram: Ram, *frames: int) -> None:
    ram.tables(*frames)
    for here, following in zip(frames, (*frames[1:], frames[0]), strict=True):
        ram.next[here] = page(following) + 8


def test_deposits_are_all_that_are_on_the_ring(ram):
    ring(ram, 50, 51, 52)
    got = deposits(ram, page(50))
    assert (got.pfn.tolist(), got.row.tolist(), got.bad.tolist()) == ([50, 51, 52], [0, 0, 0], [])


def test_single_deposit_is_its_own_ring(ram):
    ring(ram, 50)
    assert deposits(ram, page(50)).pfn.tolist() == [50]


@pytest.mark.parametrize("astray", [0, 1, page(PAGES + 3), page(77), PAGE_OFFSET, page(PTE_TABLE) + 8])
def test_ring_that_leads_astray_ends_there_and_is_bad(ram, astray):
    ring(ram, 50, 51)
    ram.next[51] = astray
    got = deposits(ram, page(50))
    assert (got.pfn.tolist(), got.bad.tolist()) == ([50, 51], [0])


def test_ring_that_never_comes_back_to_its_head_ends(ram):
    ring(ram, 50, 51, 52)
    ram.next[52] = page(51) + 8
    got = deposits(ram, page(50))
    assert (got.pfn.tolist(), got.bad.tolist()) == ([50, 51, 52], [0])
