# SPDX-License-Identifier: GPL-2.0-only
"""What stands in PTE tables, entry by entry, and the class of each table that follows (design.md section 3).

x86-64's formats of entries: arch/x86/include/asm/pgtable_types.h and pgtable_64.h. ``pte_none()`` ignores the accessed
and dirty bits. A PROT_NONE entry has its frame number inverted (pgtable-invert.h). What is not present is a swap entry,
whose type stands in the five highest bits.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census import memmap as page
from testbed.measure.census.kernel import Kernel
from testbed.measure.census.memmap import Memmap
from testbed.measure.census.memory import U64, Memory
from testbed.measure.census.walk import pfn_of
from testbed.measure.census.x86 import ADDRESS, ENTRIES, ERRATUM, PRESENT, TABLE_BYTES

__all__ = ["KINDS", "PteTables", "kinds_of", "read_ptes"]

PROTNONE = np.uint64(1 << 8)
SPECIAL = np.uint64(1 << 9)
DIRTY_BIT = np.uint64(1 << 6)
# What an entry may be. A file's is dirty by its own bit, whatever its page is by now; ``bad`` is one that maps a frame
# which is no RAM, and does not say that it may.
KINDS = ("none", "zero", "anon", "file_clean", "file_dirty", "shmem", "swap", "migration", "marker", "device", "bad")
NONE, ZERO, ANON, CLEAN, DIRTY, SHMEM, SWAP, MIGRATION, MARKER, DEVICE, BAD = range(len(KINDS))
# The kind of an entry by what the memmap says of the page that it maps: indexed by that module's constants.
OF_PAGE = np.zeros(5, dtype=np.uint8)
OF_PAGE[[page.OUTSIDE, page.OTHER, page.ANON, page.SHMEM, page.FILE]] = [BAD, DEVICE, ANON, SHMEM, CLEAN]
# Entries that a table of class "file" may hold.
FILE_KINDS = (CLEAN, DIRTY, SHMEM)
# Reading and counting release Python's lock; a batch is large enough that waiting for it does not matter.
THREADS = 2
BATCH = 1024
# A batch is dense where more than one entry in so many is used.
DENSE = 8


@dataclass(frozen=True)
class PteTables:
    """Entries of each PTE table, by kind: ``counts`` has shape (tables, kinds), in the order of ``KINDS``."""

    counts: NDArray[np.uint16]

    def has(self, kinds: Sequence[int]) -> NDArray[np.bool_]:
        """Tell which tables hold an entry of any of the kinds."""
        held: NDArray[np.bool_] = np.asarray(np.count_nonzero(self.counts[:, list(kinds)], axis=1) > 0)
        return held


def read_ptes(memory: Memory, kernel: Kernel, memmap: Memmap, pfn: NDArray[np.intp]) -> PteTables:
    """Read PTE tables by their frame numbers and count their entries."""
    counts = np.zeros((len(pfn), len(KINDS)), dtype=np.uint16)

    def count(share: range) -> None:
        room = np.empty((BATCH, TABLE_BYTES), dtype=np.uint8)
        used = np.empty((BATCH, ENTRIES), dtype=np.bool_)
        for begin in share:
            addresses = pfn[begin : begin + BATCH].astype(np.uint64) << np.uint64(12)
            data = memory.gather(addresses, TABLE_BYTES, room).view(np.uint64)
            np.not_equal(data, 0, out=used[: len(data)])
            counts[begin : begin + BATCH] = _count(data, used[: len(data)], kernel, memmap)

    begins = range(0, len(pfn), BATCH)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(count, [begins[number::THREADS] for number in range(THREADS)]))
    return PteTables(counts)


def _count(data: U64, used: NDArray[np.bool_], kernel: Kernel, memmap: Memmap) -> NDArray[np.int64]:
    """Count the entries of a batch of tables by kind; ``used`` says which are not 0."""
    tables = len(data)
    zeros = np.zeros(tables, dtype=np.int64)
    if DENSE * int(np.count_nonzero(used)) > data.size:
        # full of something: if it is the zeropage, it need not be looked at one by one
        zero = (data & (ADDRESS | PRESENT)) == np.uint64(kernel.zero_pfn << 12) | PRESENT
        zeros = np.count_nonzero(zero, axis=1)
        used &= ~zero
    at = np.flatnonzero(used)
    kind = kinds_of(data.reshape(-1)[at], kernel, memmap)
    flat = np.bincount(at // ENTRIES * len(KINDS) + kind, minlength=tables * len(KINDS))
    counts = flat.reshape(tables, len(KINDS))
    counts[:, ZERO] += zeros
    counts[:, NONE] = ENTRIES - counts[:, ZERO:].sum(axis=1)
    return counts


def kinds_of(entry: U64, kernel: Kernel, memmap: Memmap) -> NDArray[np.intp]:
    """Tell of each entry which kind it is (an index of ``KINDS``)."""
    kind = np.full(len(entry), NONE, dtype=np.intp)
    mapped = (entry & (PRESENT | PROTNONE)) != 0
    inverted = mapped & ((entry & PRESENT) == 0)
    pfn = pfn_of(np.where(inverted, ~entry, entry))
    known = mapped & (pfn < len(memmap.kind))
    kind[known] = OF_PAGE[memmap.kind[pfn[known]]]
    kind[mapped & ~known] = BAD
    kind[(kind == CLEAN) & ((entry & DIRTY_BIT) != 0)] = DIRTY
    kind[mapped & ((entry & SPECIAL) != 0)] = DEVICE
    kind[mapped & (pfn == kernel.zero_pfn)] = ZERO
    absent = ~mapped & ((entry & ~ERRATUM) != 0)
    types = (entry[absent] >> np.uint64(59)).astype(np.intp)
    swap = np.full(len(types), SWAP, dtype=np.intp)
    swap[types >= kernel.swap.migration] = MIGRATION
    swap[types >= kernel.swap.device] = DEVICE
    swap[types >= kernel.swap.marker] = MARKER
    # between swap and migration stands poison, a marker of its own sort
    swap[(types >= kernel.swap.files) & (types < kernel.swap.migration)] = MARKER
    kind[absent] = swap
    return kind
