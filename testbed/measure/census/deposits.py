# SPDX-License-Identifier: GPL-2.0-only
"""Deposited PTE tables: one waits behind each anonymous huge page, in no tree, on a list of the PMD table.

Source: ``pgtable_trans_huge_deposit`` (mm/pgtable-generic.c). The list is circular and has no head of its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.kernel import Kernel
from testbed.measure.census.memmap import Memmap
from testbed.measure.census.memory import U64
from testbed.measure.census.x86 import ENTRIES

__all__ = ["Deposits", "read_deposits"]


@dataclass(frozen=True)
class Deposits:
    """Deposited tables: frame, and row of the list it is on; ``bad`` rows have a list that leads astray."""

    pfn: NDArray[np.intp]
    row: NDArray[np.intp]
    bad: NDArray[np.intp]


def read_deposits(kernel: Kernel, memmap: Memmap, heads: U64, visited: NDArray[np.bool_]) -> Deposits:
    """Follow lists from their ``heads`` (addresses of ``struct page``; 0 for none), all a step at a time.

    A list has as many members as a PMD table has entries at the most, save a list that a whole space keeps.
    ``visited`` frames are in a tree or on another list: whoever leads there is astray; new ones are added to it.
    """
    row = np.flatnonzero(heads)
    head, here = heads[row], heads[row]
    pfns, rows, bads = [row[:0]], [row[:0]], [row[:0]]
    for _ in range(max(ENTRIES, len(memmap.pfns))):
        if not len(row):
            break
        pfn, good = _frames(kernel, memmap, here)
        good &= ~visited[np.where(good, pfn, 0)]
        _, first = np.unique(pfn, return_index=True)
        alone = np.zeros(len(pfn), dtype=np.bool_)
        alone[first] = True
        good &= alone
        bads.append(row[~good])
        row, head, pfn = row[good], head[good], pfn[good]
        visited[pfn] = True
        pfns.append(pfn)
        rows.append(row)
        here = memmap.next[memmap.row(pfn)] - np.uint64(kernel.page.list_next)
        going = here != head
        row, head, here = row[going], head[going], here[going]
    return Deposits(np.concatenate(pfns), np.concatenate(rows), np.concatenate(bads))


def _frames(kernel: Kernel, memmap: Memmap, pages: U64) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Frame numbers of ``struct page`` addresses, and whether each is a page table's."""
    offset = pages - np.uint64(kernel.vmemmap)
    size = np.uint64(kernel.page.size)
    pfn = offset // size
    good = (offset % size == 0) & (pfn < len(memmap.table))
    frames = np.where(good, pfn, np.uint64(0)).astype(np.intp)
    return frames, good & memmap.table[frames]
