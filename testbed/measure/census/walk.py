# SPDX-License-Identifier: GPL-2.0-only
"""All page-table trees walked at once, from the top, a level at a time; each table is visited once.

An entry that leads to no table (outside RAM, to a page of another type, to a table that was met before) is counted as
bad and not followed, so no memory, however hostile, makes the walk endless.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.memmap import Memmap
from testbed.measure.census.memory import U64, Memory
from testbed.measure.census.x86 import ADDRESS, ENTRIES, ERRATUM, LEAF, PRESENT, TABLE_BYTES

__all__ = ["KernelTree", "Level", "Tree", "pfn_of", "walk", "walk_kernel"]

# Half of the top level belongs to the kernel.
USER_ENTRIES = 256
# A batch fits a processor's cache beside the arrays that are made of it.
BATCH = 256
PTE, PMD, PUD, P4D = 1, 2, 3, 4
# The kernels before 6.16 give P4D tables no page type.
TYPED = (PTE, PMD, PUD)


@dataclass(frozen=True)
class Level:
    """The tables of one level, in the order of their parents: frame, owner's index, first address, parent's row.

    ``leaf_*`` are the entries of these tables that are no tables themselves and not empty: row, address and value.
    ``bad`` are the owners of entries, in the level above, that should have led here; ``kept_row`` are the tables of
    these, and of entries that lead to a PMD table which was met in another tree.
    """

    level: int
    pfn: NDArray[np.intp]
    space: NDArray[np.int32]
    address: U64
    parent: NDArray[np.intp]
    bad: NDArray[np.int32]
    kept_row: NDArray[np.intp]
    leaf_row: NDArray[np.intp]
    leaf_address: U64
    leaf_entry: U64


@dataclass
class Tree:
    """What a walk has found: levels from the top (without the top table itself), and each frame that was visited.

    ``shared`` are the owners that reach a PMD table of another one (hugetlb), ``tops`` frames of top-level tables.
    """

    levels: list[Level] = field(default_factory=list)
    visited: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    shared: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    tops: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))

    def level(self, number: int) -> Level:
        """The tables of a level (1 PTE, 2 PMD, 3 PUD, 4 P4D)."""
        return next(level for level in self.levels if level.level == number)


@dataclass(frozen=True)
class _Found:
    """Non-empty entries of a level: row of their table, slot, value."""

    row: NDArray[np.intp]
    slot: U64
    entry: U64

    def where(self, keep: NDArray[np.bool_]) -> "_Found":
        """Those of them."""
        return _Found(self.row[keep], self.slot[keep], self.entry[keep])


@dataclass(frozen=True)
class KernelTree:
    """Frames of all tables of the kernel's own tree, the top one included; ``tops`` are those it points to."""

    pfns: NDArray[np.intp]
    tops: NDArray[np.intp]


def pfn_of(entries: U64) -> NDArray[np.intp]:
    """Frame number of present entries."""
    return ((entries & ADDRESS) >> np.uint64(12)).astype(np.intp)


def walk(
    memory: Memory, memmap: Memmap, levels: int, roots: U64, kernel: KernelTree, hugetlb: NDArray[np.bool_]
) -> Tree:
    """Walk the trees whose top tables lie at ``roots`` (physical addresses) down to the PTE tables.

    These are found here and read by :mod:`.entries`. What a top table borrows from the kernel's is left out; the rest
    of its upper half is the process's own (its LDT). ``hugetlb`` says of each root whether its process has such
    mappings: only they may share a PMD table.
    """
    tree = Tree(visited=np.zeros(len(memmap.table), dtype=np.bool_))
    tree.visited[kernel.pfns] = True
    space = np.flatnonzero(memory.inside(roots, TABLE_BYTES)).astype(np.int32)
    pfn, address = (roots[space] >> np.uint64(12)).astype(np.intp), np.zeros(len(space), dtype=np.uint64)
    tree.tops = pfn
    tree.visited[pfn] = True
    found = _entries(memory, pfn)
    found = found.where(~np.isin(pfn_of(found.entry), kernel.tops) | (found.slot < USER_ENTRIES))
    for number in range(levels - 1, 0, -1):
        child_address = _canonical(address[found.row] + (found.slot << np.uint64(12 + 9 * number)), levels)
        is_table = (found.entry & (PRESENT | LEAF)) == PRESENT
        child = pfn_of(found.entry)
        good = is_table & _plausible(memory, memmap, child, number)
        fresh = _fresh(tree, child, good)
        again = good & ~fresh
        lent = np.zeros(len(again), dtype=np.bool_)
        if number == PMD:
            lent = again & hugetlb[space[found.row]] & ~np.isin(child, kernel.pfns)
            tree.shared = space[found.row[lent]]
            again &= ~lent
        wrong = (is_table & ~good) | again
        if number > PMD:  # no page is so large that an entry there could be one
            wrong |= ~is_table
        if tree.levels:
            tree.levels[-1] = _with_leaves(tree.levels[-1], found, child_address, ~is_table & ~wrong)
        parent, bad, kept = found.row[fresh], space[found.row[wrong]], found.row[wrong | lent]
        pfn, space, address = child[fresh], space[parent], child_address[fresh]
        nothing = np.zeros(0, dtype=np.intp)
        tree.levels.append(Level(number, pfn, space, address, parent, bad, kept, nothing, address[:0], address[:0]))
        if number > PTE:
            found = _entries(memory, pfn)
    return tree


def walk_kernel(memory: Memory, memmap: Memmap, levels: int, tops_phys: U64) -> KernelTree:
    """Find the tables of the kernel's own trees; many of its entries may lead to the same one (KASAN's shadow)."""
    pfn = (tops_phys[memory.inside(tops_phys, TABLE_BYTES)] >> np.uint64(12)).astype(np.intp)
    pfns, tops = [pfn], pfn[:0]
    for number in range(levels - 1, 0, -1):
        found = _entries(memory, pfn)
        child = np.unique(pfn_of(found.entry[(found.entry & (PRESENT | LEAF)) == PRESENT]))
        child = child[child < len(memmap.table)]
        pfn = child[memory.inside(child.astype(np.uint64) << np.uint64(12), TABLE_BYTES)]
        pfns.append(pfn)
        if number == levels - 1:
            tops = pfn
    return KernelTree(np.unique(np.concatenate(pfns)), tops)


def _with_leaves(level: Level, found: _Found, address: U64, leaf: NDArray[np.bool_]) -> Level:
    return Level(
        level.level,
        level.pfn,
        level.space,
        level.address,
        level.parent,
        level.bad,
        level.kept_row,
        found.row[leaf],
        address[leaf],
        found.entry[leaf],
    )


def _entries(memory: Memory, pfn: NDArray[np.intp]) -> _Found:
    rows, slots, entries = [], [], []
    for begin in range(0, len(pfn), BATCH):
        addresses = pfn[begin : begin + BATCH].astype(np.uint64) << np.uint64(12)
        data = memory.gather(addresses, TABLE_BYTES).view(np.uint64).reshape(-1)
        at = np.flatnonzero(data)
        entry = data[at]
        real = (entry & ~ERRATUM) != 0
        at, entry = at[real], entry[real]
        rows.append(at // ENTRIES + begin)
        slots.append((at % ENTRIES).astype(np.uint64))
        entries.append(entry)
    if not rows:
        return _Found(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint64))
    return _Found(np.concatenate(rows), np.concatenate(slots), np.concatenate(entries))


def _plausible(memory: Memory, memmap: Memmap, pfn: NDArray[np.intp], level: int) -> NDArray[np.bool_]:
    known = pfn < len(memmap.table)
    if level in TYPED:
        return known & memmap.table[np.where(known, pfn, 0)]
    return known & memory.inside(pfn.astype(np.uint64) << np.uint64(12), TABLE_BYTES)


def _fresh(tree: Tree, pfn: NDArray[np.intp], good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the first entry that leads to each table not visited before; visit them."""
    fresh = np.zeros(len(pfn), dtype=np.bool_)
    candidates = np.flatnonzero(good)
    candidates = candidates[~tree.visited[pfn[candidates]]]
    _, first = np.unique(pfn[candidates], return_index=True)
    fresh[candidates[first]] = True
    tree.visited[pfn[fresh]] = True
    return fresh


def _canonical(address: U64, levels: int) -> U64:
    """Extend the sign of a virtual address."""
    bits = np.uint64(12 + 9 * levels - 1)
    upper = (address >> bits & np.uint64(1)).astype(np.bool_)
    return np.where(upper, address | ~((np.uint64(1) << bits) - np.uint64(1)), address)
