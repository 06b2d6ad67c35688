# SPDX-License-Identifier: GPL-2.0-only
"""The guest's memmap: for each page frame whether it is a page table, and what else it holds.

This is the count that is independent of the walk: a table has its page type from its constructor to its destructor
(``pagetable_pte_ctor`` and its like), whoever points to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.errors import MeasureError
from testbed.measure.census.kernel import Kernel, PageLayout
from testbed.measure.census.memory import U64, Memory
from testbed.measure.census.x86 import ADDRESS, LEAF, PRESENT, TABLE_BYTES

__all__ = ["ANON", "FILE", "OTHER", "OUTSIDE", "SHMEM", "Memmap", "read_memmap"]

# What a page frame holds, as far as an entry that maps it is concerned.
OUTSIDE, OTHER, ANON, SHMEM, FILE = range(5)

# page->mapping's low bits: anonymous (KSM included), and the rest of the pointer.
MAPPING_ANON = np.uint64(1)
TAIL = np.uint64(1)


@dataclass(frozen=True)
class Memmap:
    """By page frame number: ``kind`` is one of the constants above, ``table`` where the page type says page table.

    ``pfns`` are the frames of all tables in order, and beside each, from its ``struct ptdesc``: ``memcg`` (whom it is
    charged to), ``deposit`` (head of a PMD table's list of deposited PTE tables) and ``next`` (of such a list).
    """

    kind: NDArray[np.uint8]
    table: NDArray[np.bool_]
    pfns: NDArray[np.intp]
    memcg: U64
    deposit: U64
    next: U64

    def row(self, pfns: NDArray[np.intp]) -> NDArray[np.intp]:
        """Give the places in ``pfns`` of frames that are tables."""
        return np.searchsorted(self.pfns, pfns).astype(np.intp)


def read_memmap(memory: Memory, kernel: Kernel) -> Memmap:
    """Read every ``struct page`` that the kernel has (they are virtually mapped: SPARSEMEM_VMEMMAP)."""
    layout = kernel.page
    table = np.zeros(kernel.max_pfn, dtype=np.bool_)
    kind = np.zeros(kernel.max_pfn, dtype=np.uint8)
    tails: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    tables: list[tuple[NDArray[np.intp], U64, U64, U64]] = []
    end = kernel.vmemmap + kernel.max_pfn * layout.size
    for address, physical, size in _mapped(memory, kernel, kernel.vmemmap, end):
        raw = memory.gather(np.array([physical], dtype=np.uint64), size)[0]
        first = (address - kernel.vmemmap) // layout.size
        pages = raw[: size // layout.size * layout.size].reshape(-1, layout.size)[: kernel.max_pfn - first]
        here = slice(first, first + len(pages))
        table[here] = _types(pages, layout) == layout.table
        kind[here] = _kinds(pages, layout)
        found = np.flatnonzero(table[here])
        ptdesc = pages[found]
        memcg = np.zeros(len(found), dtype=np.uint64) if layout.memcg is None else _word(ptdesc, layout.memcg)
        tables.append((found + first, memcg, _word(ptdesc, layout.deposit), _word(ptdesc, layout.list_next)))
        tail, head = _tails(_word(pages, layout.head), first, kernel)
        tails.append((tail, head))
    # a large folio says in its head what its tails hold
    for tail, head in tails:
        kind[tail] = kind[head]
    if not tables:
        raise MeasureError("the kernel's struct pages are not virtually mapped; the census needs SPARSEMEM_VMEMMAP")
    pfns, memcg, deposit, following = (np.concatenate(column) for column in zip(*tables, strict=True))
    return Memmap(kind, table, pfns, memcg, deposit, following)


def _tails(words: U64, first: int, kernel: Kernel) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Frames that are tails of a large folio, and their heads; ``words`` are those of the frames from ``first`` on.

    A tail has bit 0 set; the rest is the address of the head's ``struct page``, or a mask that makes it of the tail's
    own (``compound_info_has_mask`` in newer kernels).
    """
    size = np.uint64(kernel.page.size)
    tail = np.flatnonzero(words & TAIL)
    value = words[tail] - TAIL
    own = np.uint64(kernel.vmemmap) + (tail + first).astype(np.uint64) * size
    end = np.uint64(kernel.max_pfn) * size
    offset = value - np.uint64(kernel.vmemmap)
    offset = np.where(offset < end, offset, (own & value) - np.uint64(kernel.vmemmap))
    known = offset < end
    return tail[known] + first, (offset[known] // size).astype(np.intp)


def _word(pages: NDArray[np.uint8], offset: int) -> U64:
    word: U64 = np.ascontiguousarray(pages[:, offset : offset + 8]).view(np.uint64)[:, 0]
    return word


def _types(pages: NDArray[np.uint8], layout: PageLayout) -> NDArray[np.uint8]:
    """Top byte of ``page_type`` (``PAGE_TYPE_OPS`` in include/linux/page-flags.h)."""
    return pages[:, layout.type + 3]


def _kinds(pages: NDArray[np.uint8], layout: PageLayout) -> NDArray[np.uint8]:
    flags, mapping = _word(pages, layout.flags), _word(pages, layout.mapping)
    kind = np.full(len(pages), OTHER, dtype=np.uint8)
    file = mapping != 0
    kind[file] = FILE
    kind[file & (flags & np.uint64(layout.swapbacked) != 0)] = SHMEM
    kind[(mapping & MAPPING_ANON) != 0] = ANON
    kind[_types(pages, layout) == layout.table] = OTHER
    return kind


def _mapped(memory: Memory, kernel: Kernel, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Pieces of a kernel address range that are mapped: (virtual address, physical address, bytes).

    Reads the kernel's own page tables from the top, so it needs nothing but physical memory.
    """
    top = 12 + 9 * (kernel.levels - 1)
    yield from _descend(memory, kernel.physical(kernel.kernel_pgd), top, start, end)


def _descend(memory: Memory, table: int, shift: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    here = np.array([table], dtype=np.uint64)
    if not memory.inside(here, TABLE_BYTES)[0]:
        return
    entries = memory.gather(here, TABLE_BYTES)[0].view(np.uint64)
    step = 1 << shift
    for base in range(start & -step, end, step):
        entry = int(entries[base >> shift & 511])
        if not entry & int(PRESENT):
            continue
        low, high = max(start, base), min(end, base + step)
        if shift == 12 or entry & int(LEAF):
            physical = (entry & int(ADDRESS) & -step) + low - base
            if memory.inside(np.array([physical], dtype=np.uint64), high - low)[0]:
                yield low, physical, high - low
        else:
            yield from _descend(memory, entry & int(ADDRESS), shift - 9, low, high)
