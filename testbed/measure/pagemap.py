# SPDX-License-Identifier: GPL-2.0-only
"""What a process of this host has mapped, by 2 MiB range, read from /proc/PID/pagemap in two ways.

The PAGEMAP_SCAN ioctl (Linux 6.7 and later, ``do_pagemap_scan`` in fs/proc/task_mmu.c) skips holes at the level at
which they are. Reading the file costs 8 bytes a page whether or not there is one, and says of a page that it is the
shared zeropage only to root, by its frame number. Both are read-only; smaps, which walks a whole mapping under the
lock, is never read.
"""

import ctypes
import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOTHING", "Ranges", "Reader", "by_entries", "by_scan", "scan_works", "zeropage_frame"]

PAGE_SHIFT = 12
RANGE_SHIFT = 21
# Documentation/admin-guide/mm/pagemap.rst
PRESENT, SWAPPED, PFNZERO, HUGE = 1 << 3, 1 << 4, 1 << 5, 1 << 6
FILE = 1 << 2
ENTRY_PRESENT, ENTRY_SWAPPED, ENTRY_FILE = np.uint64(1 << 63), np.uint64(1 << 62), np.uint64(1 << 61)
ENTRY_FRAME = np.uint64((1 << 55) - 1)
REGIONS = 4096

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Ranges:
    """2 MiB ranges (address >> 21) that need a table: ``tables`` for their entries, ``deposits`` behind huge pages."""

    tables: frozenset[int]
    deposits: frozenset[int]

    def __or__(self, other: "Ranges") -> "Ranges":
        return Ranges(self.tables | other.tables, self.deposits | other.deposits)


NOTHING = Ranges(frozenset(), frozenset())
Reader = Callable[[int, int, int], Ranges]


class _Region(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint64), ("end", ctypes.c_uint64), ("categories", ctypes.c_uint64)]


class _Scan(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            *("size", "flags", "start", "end", "walk_end", "vec", "vec_len", "max_pages"),
            *("category_inverted", "category_mask", "category_anyof_mask", "return_mask"),
        )
    ]


# _IOWR('f', 16, struct pm_scan_arg), include/uapi/linux/fs.h
PAGEMAP_SCAN = 3 << 30 | ctypes.sizeof(_Scan) << 16 | ord("f") << 8 | 16


def by_scan(pagemap: int, start: int, end: int) -> Ranges:
    """Read ``start`` to ``end`` (bytes) of an open pagemap by PAGEMAP_SCAN; OSError where the process is gone."""
    tables: set[int] = set()
    deposits: set[int] = set()
    for region in _regions(pagemap, start, end):
        covered = range(region.start >> RANGE_SHIFT, ((region.end - 1) >> RANGE_SHIFT) + 1)
        if not region.categories & HUGE:
            tables.update(covered)
        elif not region.categories & FILE:
            # only an anonymous huge page keeps a table to be split into (pgtable_trans_huge_deposit)
            deposits.update(covered)
    return Ranges(frozenset(tables), frozenset(deposits))


def _regions(pagemap: int, start: int, end: int) -> Iterator[_Region]:
    found = (_Region * REGIONS)()
    while start < end:
        scan = _Scan(
            size=ctypes.sizeof(_Scan),
            start=start,
            end=end,
            vec=ctypes.addressof(found),
            vec_len=REGIONS,
            category_inverted=PFNZERO,
            category_mask=PFNZERO,
            category_anyof_mask=PRESENT | SWAPPED,
            return_mask=HUGE | FILE,
        )
        count = fcntl.ioctl(pagemap, PAGEMAP_SCAN, scan)
        yield from found[:count]
        if scan.walk_end <= start:
            raise OSError(errno.EIO, "PAGEMAP_SCAN made no progress")
        start = scan.walk_end


def scan_works() -> bool:
    """Tell whether this kernel has PAGEMAP_SCAN, by a scan of our own memory."""
    pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    try:
        by_scan(pagemap, 0, 1 << RANGE_SHIFT)
    except OSError:
        return False
    finally:
        os.close(pagemap)
    return True


def by_entries(zeropage: int | None) -> Reader:
    """Give a reader of the file's entries; ``zeropage`` is the frame number from :func:`zeropage_frame`.

    Huge pages look like 512 small ones there, so the table that one keeps counts as a table of entries.
    """

    def read(pagemap: int, start: int, end: int) -> Ranges:
        count = (end - start) >> PAGE_SHIFT
        data = os.pread(pagemap, count * 8, (start >> PAGE_SHIFT) * 8)
        entries = np.frombuffer(data, dtype=np.uint64)
        used = (entries & (ENTRY_PRESENT | ENTRY_SWAPPED)) != 0
        if zeropage is not None:
            used &= ~(((entries & ENTRY_PRESENT) != 0) & ((entries & ENTRY_FRAME) == np.uint64(zeropage)))
        pages: Indices = np.flatnonzero(used) + (start >> PAGE_SHIFT)
        return Ranges(frozenset(np.unique(pages >> (RANGE_SHIFT - PAGE_SHIFT)).tolist()), frozenset())

    return read


def zeropage_frame() -> int | None:
    """Find the frame of the shared zeropage: that of a page of ours that was only read; None where it is hidden."""
    with mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as page:
        hold = ctypes.c_char.from_buffer(page)
        address = ctypes.addressof(hold)
        page[0]  # a read, which maps the zeropage
        pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        try:
            entry = int.from_bytes(os.pread(pagemap, 8, (address >> PAGE_SHIFT) * 8), "little")
        finally:
            os.close(pagemap)
            del hold  # else the mapping could not be closed
    return entry & int(ENTRY_FRAME) or None
