# SPDX-License-Identifier: GPL-2.0-only
"""A few megabytes of made-up physical memory, for what no honest kernel would leave behind."""

import numpy as np

from testbed.measure.census.kernel import Kernel, PageLayout, Swap, VmaLayout
from testbed.measure.census.memmap import ANON, FILE, OTHER, SHMEM, Memmap
from testbed.measure.census.memory import Block, FileMemory
from testbed.measure.census.vmas import Vmas

PAGES = 512
PRESENT, DIRTY, LEAF, PROTNONE, SPECIAL = 1, 1 << 6, 1 << 7, 1 << 8, 1 << 9
PAGE_OFFSET = 0xFFFF_8880_0000_0000
VMEMMAP = 0xFFFF_EA00_0000_0000
#: Frames of the made-up world.
ZERO, HUGE_ZERO = 1, 512 * 7

KERNEL = Kernel(
    levels=4,
    page_offset=PAGE_OFFSET,
    vmemmap=VMEMMAP,
    image_phys=0,
    max_pfn=PAGES,
    kernel_pgd=PAGE_OFFSET,
    efi_pgd=0,
    split_deposits=True,
    zero_pfn=ZERO,
    huge_zero_pfn=HUGE_ZERO,
    page=PageLayout(64, 0, 8, 24, 48, 56, 16, 8, 0xF2, 1 << 17),
    vma=VmaLayout(start=0, end=8, flags=32, ops=40, root=72, bare=0x2000, softdirty=1 << 27, hugetlb=1 << 22),
    swap=Swap(files=28, migration=28, device=31),
)


class Ram:
    """``PAGES`` page frames; ``entries[frame, slot]`` are their words, ``table`` and ``kind`` what the memmap says."""

    def __init__(self, path) -> None:
        self.path = path
        self.entries = np.zeros((PAGES, 512), dtype=np.uint64)
        self.table = np.zeros(PAGES, dtype=np.bool_)
        self.kind = np.full(PAGES, OTHER, dtype=np.uint8)
        self.deposit = np.zeros(PAGES, dtype=np.uint64)
        self.next = np.zeros(PAGES, dtype=np.uint64)

    def point(self, table: int, slot: int, child: int, flags: int = PRESENT) -> None:
        """Make an entry that leads to a frame."""
        self.entries[table, slot] = (child << 12) | flags

    def tables(self, *frames: int) -> None:
        """Let the memmap call these frames page tables."""
        self.table[list(frames)] = True

    @property
    def memory(self) -> FileMemory:
        """All of it as a guest's RAM."""
        self.path.write_bytes(self.entries.tobytes())
        return FileMemory(self.path, [Block(0, PAGES * 4096, 0)])

    @property
    def memmap(self) -> Memmap:
        """What the struct pages say."""
        pfns = np.flatnonzero(self.table)
        return Memmap(self.kind, self.table, pfns, np.zeros(len(pfns), np.uint64), self.deposit[pfns], self.next[pfns])


def page(frame: int) -> int:
    """Address of a frame's struct page."""
    return VMEMMAP + frame * 64


def vmas(*mappings: tuple[int, int, int, int], files: tuple[int, ...] = ()) -> Vmas:
    """Mappings as (space, start, end, flags); those that start at one of ``files`` are not anonymous."""
    columns = list(zip(*sorted(mappings), strict=True)) or [(), (), (), ()]
    space, start, end, flags = columns
    words = [np.array(column, dtype=np.uint64) for column in (start, end, flags)]
    return Vmas(np.array(space, dtype=np.int32), *words, ~np.isin(words[0], files), bad=0)


__all__ = [
    "ANON",
    "DIRTY",
    "FILE",
    "HUGE_ZERO",
    "KERNEL",
    "LEAF",
    "PAGES",
    "PRESENT",
    "PROTNONE",
    "SHMEM",
    "SPECIAL",
    "ZERO",
]
