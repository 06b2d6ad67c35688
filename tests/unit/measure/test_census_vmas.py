# SPDX-License-Identifier: GPL-2.0-only
"""Mappings out of maple trees, sound and not. Sound ones of real kernels are behind every test of the shapes."""

import numpy as np
import pytest
from ram import KERNEL, PAGE_OFFSET, PAGES, Ram

from testbed.measure.census.vmas import read_vmas

LEAF, RANGE, ARANGE = 1, 2, 3
ROOT = 2
NODES, VMAS = 100 << 12, 200 << 12
LAST = (1 << 64) - 1


@pytest.fixture
def ram(tmp_path) -> Ram:
    return Ram(tmp_path / "ram")


def node(number: int, kind: int, root: bool = False) -> int:
    return PAGE_OFFSET + NODES + number * 256 | kind << 3 | (ROOT if root else 4)


def fill(ram: Ram, number: int, kind: int, slots: list[int], pivots: list[int]) -> None:
    words = ram.entries.reshape(-1)[(NODES >> 3) + number * 32 :][:32]
    first = 10 if kind == ARANGE else 16
    words[1 : 1 + len(pivots)] = pivots
    words[first : first + len(slots)] = slots


def vma(ram: Ram, number: int, start: int, end: int, flags: int = 0) -> int:
    words = ram.entries.reshape(-1)[(VMAS >> 3) + number * 8 :][:8]
    words[0], words[1], words[4] = start, end, flags
    return PAGE_OFFSET + VMAS + number * 64


def read(ram: Ram, *roots: int):
    return read_vmas(ram.memory, KERNEL, np.array(roots, dtype=np.uint64))


def spans(vmas) -> list[tuple[int, int, int]]:
    return list(zip(vmas.space.tolist(), vmas.start.tolist(), vmas.end.tolist(), strict=True))


def test_leaf_ends_where_its_pivot_is_none_and_what_lies_behind_is_stale(ram):
    one, two = vma(ram, 0, 0x1000, 0x2000), vma(ram, 1, 0x5000, 0x6000, 0x2000)
    stale = vma(ram, 2, 0x9000, 0xA000)
    fill(ram, 0, LEAF, [0, one, 0, two, 0, stale], [0xFFF, 0x1FFF, 0x4FFF, 0x5FFF, 0, 0xFFFF])
    got = read(ram, node(0, LEAF, root=True))
    assert spans(got) == [(0, 0x1000, 0x2000), (0, 0x5000, 0x6000)]
    assert (got.flags.tolist(), got.bad) == ([0, 0x2000], 0)


def test_leaf_below_another_node_ends_at_its_parents_pivot(ram):
    one, stale = vma(ram, 0, 0x1000, 0x2000), vma(ram, 1, 0x3000, 0x4000)
    far = vma(ram, 2, 0x10000, 0x11000)
    fill(ram, 0, ARANGE, [node(1, LEAF), node(2, LEAF)], [0x1FFF, LAST])
    fill(ram, 1, LEAF, [0, one, stale], [0xFFF, 0x1FFF, 0x3FFF])
    fill(ram, 2, LEAF, [0, far], [0xFFFF, 0x10FFF])
    assert spans(read(ram, node(0, ARANGE, root=True))) == [(0, 0x1000, 0x2000), (0, 0x10000, 0x11000)]


def test_full_leaf_has_a_mapping_in_its_last_slot(ram):
    slots = [vma(ram, number, number << 12, (number + 1) << 12) for number in range(16)]
    fill(ram, 0, LEAF, slots, [(number + 1 << 12) - 1 for number in range(15)])
    assert len(spans(read(ram, node(0, LEAF, root=True)))) == 16


def test_spaces_without_mappings_and_with_a_single_one_are_told_apart(ram):
    one = vma(ram, 0, 0x1000, 0x2000)
    assert spans(read(ram, 0, one, 0)) == [(1, 0x1000, 0x2000)]


@pytest.mark.parametrize(
    "slot", [node(0, RANGE), PAGE_OFFSET + (PAGES << 12) | LEAF << 3, 0xDEAD_0000_0000_0008, node(5, 9), LAST]
)
def test_slot_that_leads_astray_is_bad_and_the_rest_is_read(ram, slot):
    one = vma(ram, 0, 0x1000, 0x2000)
    fill(ram, 0, RANGE, [slot, node(1, LEAF)], [0xFFF, LAST])
    fill(ram, 1, LEAF, [one], [LAST])
    got = read(ram, node(0, RANGE, root=True))
    assert (spans(got), got.bad) == ([(0, 0x1000, 0x2000)], 1)


def test_tree_whose_nodes_all_lead_to_each_other_ends(ram):
    for number in range(16):
        fill(ram, number, RANGE, [node(child, RANGE) for child in range(16)], [(step + 1) << 12 for step in range(15)])
    got = read(ram, node(0, RANGE, root=True))
    assert (spans(got), got.bad >= 16) == ([], True)


def test_mapping_outside_ram_is_bad(ram):
    fill(ram, 0, LEAF, [PAGE_OFFSET + (PAGES << 12)], [LAST])
    assert read(ram, node(0, LEAF, root=True)).bad == 1
