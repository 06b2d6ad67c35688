# SPDX-License-Identifier: GPL-2.0-only
"""Classes of tables from their entries, bit by bit, as design.md section 3 has them."""

import numpy as np
import pytest
from ram import ANON, DIRTY, FILE, KERNEL, PRESENT, PROTNONE, SHMEM, SPECIAL, ZERO, Ram, vmas

from testbed.measure.census.bare import bare
from testbed.measure.census.classes import CLASSES, HUGE_KINDS, Huge, deposit_places, pte_classes
from testbed.measure.census.deposits import Deposits
from testbed.measure.census.entries import KINDS, read_ptes

LOCKED, SOFTDIRTY = 0x2000, 1 << 27
TABLE = 23
MIB2 = 2 << 20
PLAIN = vmas((0, 0, MIB2, 0))


@pytest.fixture
def ram(tmp_path) -> Ram:
    ram = Ram(tmp_path / "ram")
    ram.tables(TABLE)
    ram.kind[100:110], ram.kind[110:120], ram.kind[120:130] = ANON, FILE, SHMEM
    return ram


def classed(ram: Ram, mappings=PLAIN) -> tuple[str, dict[str, int]]:
    tables = read_ptes(ram.memory, KERNEL, ram.memmap, np.array([TABLE]))
    at = np.array([TABLE]), np.zeros(1, np.int32), np.zeros(1, np.uint64)
    (kind,) = pte_classes(ram.memory, tables, mappings, KERNEL, *at)
    counts = dict(zip(KINDS, tables.counts[0].tolist(), strict=True))
    return CLASSES[kind], {name: count for name, count in counts.items() if count and name != "none"}


def entry(pfn: int, *flags: int) -> int:
    return (pfn << 12) | PRESENT | sum(flags)


def swap(kind: int) -> int:
    return (kind << 59) | 1 << 20


@pytest.mark.parametrize(
    ("value", "name", "kind"),
    [
        (entry(100), "needed", "anon"),
        (entry(100, DIRTY), "needed", "anon"),
        ((~(100 << 12) & 0x000F_FFFF_FFFF_F000) | PROTNONE, "needed", "anon"),
        (entry(110), "file", "file_clean"),
        (entry(110, DIRTY), "file", "file_dirty"),
        (entry(120, DIRTY), "file", "shmem"),
        (entry(ZERO, SPECIAL), "zero", "zero"),
        (entry(ZERO, SPECIAL, DIRTY), "zero", "zero"),
        (entry(200), "needed", "device"),
        (entry(1 << 30, SPECIAL), "needed", "device"),
        (entry(1 << 30), "needed", "bad"),
        (swap(0), "needed", "swap"),
        (swap(27), "needed", "swap"),
        (swap(28), "needed", "migration"),
        (swap(30), "needed", "migration"),
        (swap(31), "needed", "marker"),
    ],
)
def test_one_entry_makes_the_class_of_a_table(ram, value, name, kind):
    ram.entries[TABLE, 77] = np.uint64(value)
    assert classed(ram) == (name, {kind: 1})


def test_table_of_nothing_is_empty_and_so_is_one_of_accessed_and_dirty_bits(ram):
    assert classed(ram) == ("empty", {})
    ram.entries[TABLE, :] = 0x60
    assert classed(ram) == ("empty", {})


def test_table_full_of_the_zeropage_is_zero(ram):
    ram.entries[TABLE, :] = entry(ZERO, SPECIAL)
    assert classed(ram) == ("zero", {"zero": 512})


def test_one_anonymous_page_among_zeropages_keeps_the_table(ram):
    ram.entries[TABLE, :] = entry(ZERO, SPECIAL)
    ram.entries[TABLE, 9] = entry(101)
    assert classed(ram) == ("needed", {"zero": 511, "anon": 1})


def test_file_pages_with_zeropages_are_file_and_with_an_anonymous_one_needed(ram):
    ram.entries[TABLE, 1], ram.entries[TABLE, 2] = entry(ZERO), entry(110)
    assert classed(ram)[0] == "file"
    ram.entries[TABLE, 3] = entry(100)
    assert classed(ram)[0] == "needed"


@pytest.mark.parametrize("kind", [ZERO, 110])
def test_locked_mapping_anywhere_in_the_two_mib_keeps_zero_and_file_tables(ram, kind):
    ram.entries[TABLE, 0] = entry(kind)
    beside = vmas((0, 0, 0x1000, 0), (0, 0x1FF000, MIB2 + 0x5000, LOCKED))
    assert classed(ram, beside)[0] == "needed"
    behind = vmas((0, 0, 0x1000, 0), (0, MIB2, 2 * MIB2, LOCKED))
    assert classed(ram, behind)[0] != "needed"


@pytest.mark.parametrize(("slot", "kind"), [(0x80, "needed"), (0xFF, "needed"), (0x7F, "zero"), (0x100, "zero")])
def test_zeropage_in_a_private_mapping_of_a_file_keeps_its_table_and_one_beside_it_does_not(ram, slot, kind):
    ram.entries[TABLE, slot] = entry(ZERO, SPECIAL)
    file = 0x80 << 12
    mappings = vmas((0, 0, file, 0), (0, file, 0x100 << 12, 0), (0, 0x100 << 12, MIB2, 0), files=(file,))
    assert classed(ram, mappings)[0] == kind


def test_zeropages_in_no_mapping_at_all_are_kept_if_a_file_is_near(ram):
    ram.entries[TABLE, 300] = entry(ZERO, SPECIAL)
    assert classed(ram, vmas((0, 0, 1 << 20, 0), files=(0,)))[0] == "needed"


def test_locked_mapping_keeps_no_empty_table(ram):
    assert classed(ram, vmas((0, 0, MIB2, LOCKED)))[0] == "empty"


def test_mapping_of_another_process_keeps_nothing(ram):
    ram.entries[TABLE, 0] = entry(ZERO)
    assert classed(ram, vmas((0, 0, MIB2, 0), (1, 0, MIB2, LOCKED)))[0] == "zero"


def placed(rows: list[int], lists: list[int]) -> list[tuple[int, str]]:
    """Deposits on these lists, behind two PMD tables that hold a THP and a huge zero page each."""
    nothing = np.zeros(0, dtype=np.intp)
    deposits = Deposits(np.arange(len(rows)), np.array(rows), nothing)
    kinds = [HUGE_KINDS.index(name) for name in ("anon", "zero", "anon", "zero")]
    huge = Huge(np.array([0, 0, 1, 1]), np.array([1, 2, 3, 4], dtype=np.uint64), np.array(kinds))
    address, classes = deposit_places(deposits, huge, np.array(lists))
    return [(at, CLASSES[kind]) for at, kind in zip(address.tolist(), classes.tolist(), strict=True)]


def test_deposit_stands_behind_a_huge_page_of_its_own_pmd_table():
    assert placed([1, 1, 0], [0, 1]) == [(4, "zero"), (3, "needed"), (2, "zero")]


def test_deposits_that_a_space_keeps_stand_behind_the_huge_pages_of_all_its_tables():
    assert placed([5, 5, 5, 5], [5, 5]) == [(2, "zero"), (4, "zero"), (1, "needed"), (3, "needed")]


def test_deposit_behind_no_huge_page_is_needed():
    assert placed([1, 1, 1], [0, 1])[-1] == (0, "needed")


def test_mapping_under_soft_dirty_tracking_keeps_its_tables_where_the_kernel_tracks(ram):
    tracked = vmas((0, 0, MIB2, 0), (0, MIB2, 2 * MIB2, SOFTDIRTY))
    where = np.array([0, MIB2], dtype=np.uint64)
    assert bare(tracked, KERNEL, np.zeros(2, np.int32), where).tolist() == [False, True]
