# SPDX-License-Identifier: GPL-2.0-only
"""The class of every table: PTE tables and deposits by what they hold, upper tables by what stays below them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.bare import bare, mapped_by
from testbed.measure.census.deposits import Deposits
from testbed.measure.census.entries import (
    ANON,
    FILE_KINDS,
    KINDS,
    MIGRATION,
    NONE,
    SPECIAL,
    ZERO,
    PteTables,
    kinds_of,
)
from testbed.measure.census.kernel import Kernel
from testbed.measure.census.memmap import Memmap
from testbed.measure.census.memory import U64, Memory
from testbed.measure.census.private import holds_private_zeropages
from testbed.measure.census.vmas import Vmas
from testbed.measure.census.walk import Level
from testbed.measure.census.x86 import ENTRIES, LEAF, PRESENT

__all__ = [
    "CLASSES",
    "HUGE_KINDS",
    "Huge",
    "deposit_places",
    "huge_entries",
    "pte_classes",
    "upper_classes",
]

CLASSES = ("empty", "zero", "file", "needed")
EMPTY, ZERO_CLASS, FILE, NEEDED = range(len(CLASSES))
HUGE_KINDS = ("zero", "zero_held", "anon", "file", "hugetlb", "migration", "device")
HUGE_ZERO, HUGE_ZERO_HELD, HUGE_ANON, HUGE_FILE, HUGE_TLB, HUGE_MIGRATION, HUGE_DEVICE = range(len(HUGE_KINDS))
# Each of these has a deposited table behind it.
DEPOSITING = (HUGE_ZERO, HUGE_ZERO_HELD, HUGE_ANON, HUGE_MIGRATION)
LONGEST_LIST = 1 << 40
HUGE_ADDRESS = np.uint64(0x000F_FFFF_FFE0_0000)


@dataclass(frozen=True)
class Huge:
    """Entries of upper tables that map a page themselves: row of the table, address, kind (of ``HUGE_KINDS``)."""

    row: NDArray[np.intp]
    address: U64
    kind: NDArray[np.intp]


def pte_classes(
    memory: Memory,
    tables: PteTables,
    vmas: Vmas,
    kernel: Kernel,
    pfn: NDArray[np.intp],
    space: NDArray[np.int32],
    address: U64,
) -> NDArray[np.uint8]:
    """Class PTE tables as design.md section 3 does, and keep those whose zeropages hide what is in a file."""
    others = [kind for kind in range(len(KINDS)) if kind not in (NONE, ZERO, *FILE_KINDS)]
    used = tables.counts[:, NONE] < ENTRIES
    classes = np.where(used, NEEDED, EMPTY).astype(np.uint8)
    maybe = np.flatnonzero(used & ~tables.has(others))
    maybe = maybe[bare(vmas, kernel, space[maybe], address[maybe])]
    maybe = maybe[~holds_private_zeropages(memory, vmas, kernel, pfn[maybe], space[maybe], address[maybe])]
    classes[maybe] = np.where(tables.has(FILE_KINDS)[maybe], FILE, ZERO_CLASS)
    return classes


def huge_entries(level: Level, vmas: Vmas, kernel: Kernel, memmap: Memmap) -> Huge:
    """Tell what the entries of a level's tables that are no tables map."""
    entry, row, address = level.leaf_entry, level.leaf_row, level.leaf_address
    space = level.space[row]
    leaf = (entry & LEAF) != 0
    # a huge entry that is not present has its frame number inverted, like any; bit 12 is no part of it
    frame = np.where((entry & PRESENT) != 0, entry, ~entry) & HUGE_ADDRESS
    small = kinds_of(np.where(leaf, frame | PRESENT | (entry & SPECIAL), entry), kernel, memmap)
    kind = np.full(len(entry), HUGE_DEVICE, dtype=np.intp)
    kind[small == ANON] = HUGE_ANON
    kind[np.isin(small, FILE_KINDS)] = HUGE_FILE
    kind[small == MIGRATION] = HUGE_MIGRATION
    if kernel.huge_zero_pfn is not None:
        zero = leaf & (frame >> np.uint64(12) == np.uint64(kernel.huge_zero_pfn))
        kind[zero] = np.where(bare(vmas, kernel, space[zero], address[zero]), HUGE_ZERO, HUGE_ZERO_HELD)
    hugetlb = mapped_by(vmas, (vmas.flags & np.uint64(kernel.vma.hugetlb)) != 0, space, address)
    kind[hugetlb] = HUGE_TLB
    return Huge(row, address, kind)


def deposit_places(deposits: Deposits, huge: Huge, lists: NDArray[np.intp]) -> tuple[U64, NDArray[np.uint8]]:
    """Give each deposit the address and the class of a huge entry whose deposit is on the same list, zeropages first.

    ``lists`` says of each PMD table which list is its own. Which of a list's tables stands behind which entry is
    nowhere written: the kernel takes any. One that has no entry is needed, at address 0.
    """
    wanted = np.isin(huge.kind, DEPOSITING)
    row, kind, at = lists[huge.row[wanted]], huge.kind[wanted], huge.address[wanted]
    order = np.lexsort((at, kind != HUGE_ZERO, row))
    entries = row[order] * LONGEST_LIST + _rank(row[order])
    mine = np.argsort(deposits.row, kind="stable")
    keys = deposits.row[mine] * LONGEST_LIST + _rank(deposits.row[mine])
    place = np.searchsorted(entries, keys)
    found = place < len(entries)
    found[found] = entries[place[found]] == keys[found]
    address = np.zeros(len(deposits.row), dtype=np.uint64)
    classes = np.full(len(deposits.row), NEEDED, dtype=np.uint8)
    hit = order[place[found]]
    address[mine[found]] = at[hit]
    classes[mine[found]] = np.where(kind[hit] == HUGE_ZERO, ZERO_CLASS, NEEDED)
    return address, classes


def upper_classes(level: Level, below: Level, below_classes: NDArray[np.uint8], huge: Huge) -> NDArray[np.uint8]:
    """Class upper tables: ``needed`` or ``file`` for the sake of a child or of a page that they map, else ``empty``.

    A huge zero page that could go keeps nothing; a bad entry keeps its table, and so does one that leads to
    a PMD table which several share.
    """
    stays = np.full(len(level.pfn), EMPTY, dtype=np.uint8)
    np.maximum.at(stays, below.parent, np.where(below_classes >= FILE, below_classes, EMPTY).astype(np.uint8))
    stays[huge.row[huge.kind != HUGE_ZERO]] = NEEDED
    stays[below.kept_row] = NEEDED
    return stays


def _rank(sorted_rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the members of each run of equal values from 0."""
    starts = np.searchsorted(sorted_rows, sorted_rows)
    return np.arange(len(sorted_rows)) - starts
