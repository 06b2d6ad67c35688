# SPDX-License-Identifier: GPL-2.0-only
"""Taking the census: lists, memmap, walk, classes and accounts, in the order in which they need each other.

Take it while the vCPUs stand still; then the walk, the memmap and the accounts must tell the same to the page.
"""

import time
from dataclasses import replace

import numpy as np
from drgn import FaultError, ObjectAbsentError, OutOfBoundsError, Program
from numpy.typing import NDArray

from testbed.errors import MeasureError
from testbed.measure.census.accounts import cgroup_tables, nr_pagetable
from testbed.measure.census.census import LEVELS, Accounts, Census, HugeEntries, Tables
from testbed.measure.census.classes import deposit_places, huge_entries, pte_classes, upper_classes
from testbed.measure.census.deposits import read_deposits
from testbed.measure.census.entries import read_ptes
from testbed.measure.census.kernel import Kernel, read_kernel
from testbed.measure.census.memmap import Memmap, read_memmap
from testbed.measure.census.memory import U64, Memory
from testbed.measure.census.rcu import pending_tables
from testbed.measure.census.spaces import read_spaces
from testbed.measure.census.stale import zeropage_words
from testbed.measure.census.vmas import Vmas, read_vmas
from testbed.measure.census.walk import PMD, PTE, KernelTree, Level, Tree, walk, walk_kernel

__all__ = ["stale_entries", "table_frames", "take"]

# What garbage, or a QEMU that goes away meanwhile, may end in anywhere: drgn, numpy and arithmetic raise these.
UNEXPECTED = (
    ArithmeticError,
    AttributeError,
    FaultError,
    LookupError,
    MemoryError,
    ObjectAbsentError,
    OSError,
    OutOfBoundsError,
    RuntimeError,
    TypeError,
    ValueError,
)


def take(prog: Program, memory: Memory) -> Census:
    """Count the page tables of the guest that drgn examines; ``memory`` reads the same guest in bulk.

    Raises MeasureError when the kernel is not understood or its memory can't be read; never for garbage in it.
    """
    began = time.perf_counter()
    try:
        return _take(prog, memory, began)
    except UNEXPECTED as error:
        raise MeasureError(f"the census did not expect what it found: {type(error).__name__}: {error}") from error


def table_frames(prog: Program, memory: Memory) -> NDArray[np.intp]:
    """Give the frame numbers of all pages of type page table."""
    return read_memmap(memory, _kernel(prog, memory)).pfns


def stale_entries(prog: Program, memory: Memory, frames: NDArray[np.intp]) -> int:
    """Count entries of the zeropage that still stand in ``frames``, which were tables, where they are none any more.

    Raises MeasureError like :func:`take`.
    """
    try:
        kernel = _kernel(prog, memory)
        gone = frames[~read_memmap(memory, kernel).table[frames]]
        return zeropage_words(memory, kernel.zero_pfn, gone)
    except UNEXPECTED as error:
        raise MeasureError(f"former page tables can't be read: {type(error).__name__}: {error}") from error


def _kernel(prog: Program, memory: Memory) -> Kernel:
    """Read what is to be known of the kernel; its word on how much RAM there is holds no further than the RAM."""
    kernel = read_kernel(prog)
    return replace(kernel, max_pfn=min(kernel.max_pfn, memory.end >> 12))


def _take(prog: Program, memory: Memory, began: float) -> Census:
    kernel = _kernel(prog, memory)
    memmap = read_memmap(memory, kernel)
    spaces, garbage = read_spaces(prog)
    vmas = read_vmas(memory, kernel, np.array([space.mappings for space in spaces], dtype=np.uint64))
    own = walk_kernel(memory, memmap, kernel.levels, _tops(kernel))
    roots = np.array([kernel.physical(space.pgd) for space in spaces], dtype=np.uint64)
    tree = walk(memory, memmap, kernel.levels, roots, own, _with_hugetlb(vmas, kernel, len(spaces)))
    below = tree.level(PTE)
    contents = read_ptes(memory, kernel, memmap, below.pfn)
    classes = pte_classes(memory, contents, vmas, kernel, below.pfn, below.space, below.address)
    heads = np.array([space.deposits for space in spaces], dtype=np.uint64)
    rows, huge, astray = _classed(tree, classes, kernel, memmap, vmas, heads)
    space, level, address, kind, deposit = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Census(
        spaces=spaces,
        tables=Tables(space, level, address, kind, deposit, contents.counts, tree.level(PTE).pfn),
        huge=huge,
        bad=_bad(tree, astray, len(spaces)),
        shared=np.bincount(tree.shared, minlength=len(spaces)),
        garbage=garbage + vmas.bad + len(spaces) - len(tree.tops),
        accounts=_accounts(prog, kernel, memmap, tree, own),
        seconds=time.perf_counter() - began,
        way=memory.way,
    )


def _tops(kernel: Kernel) -> U64:
    """Where the kernel's own trees begin: its main one, and that of EFI's services."""
    tops = [kernel.physical(top) for top in (kernel.kernel_pgd, kernel.efi_pgd) if top]
    return np.array([top for top in tops if 0 <= top < 1 << 52], dtype=np.uint64)


def _with_hugetlb(vmas: Vmas, kernel: Kernel, count: int) -> NDArray[np.bool_]:
    large = (vmas.flags & np.uint64(kernel.vma.hugetlb)) != 0
    return np.isin(np.arange(count), np.unique(vmas.space[large]))


Row = tuple[NDArray[np.int32], NDArray[np.uint8], U64, NDArray[np.uint8], NDArray[np.bool_]]


def _classed(
    tree: Tree, classes: NDArray[np.uint8], kernel: Kernel, memmap: Memmap, vmas: Vmas, heads: U64
) -> tuple[list[Row], HugeEntries, NDArray[np.int32]]:
    """Class the upper tables from the bottom up; ``classes`` are those of the PTE tables.

    ``heads`` are those of the deposits that a whole space keeps. Also gives the owners of lists that lead astray.
    """
    below = tree.level(PTE)
    rows = [_row(below, classes)]
    spaces, addresses, kinds = [], [], []
    astray = below.space[:0]
    for level in reversed(tree.levels[:-1]):
        huge = huge_entries(level, vmas, kernel, memmap)
        spaces.append(level.space[huge.row])
        addresses.append(huge.address)
        kinds.append(huge.kind)
        if level.level == PMD:
            by_table = kernel.split_deposits
            lists = np.arange(len(level.pfn)) if by_table else level.space.astype(np.intp)
            starts = memmap.deposit[memmap.row(level.pfn)] if by_table else heads
            deposits = read_deposits(kernel, memmap, starts, tree.visited)
            address, kind = deposit_places(deposits, huge, lists)
            owners = level.space if by_table else np.arange(len(heads), dtype=np.int32)
            owner, astray = owners[deposits.row], owners[deposits.bad]
            rows.append((owner, np.full(len(owner), PTE, np.uint8), address, kind, np.ones(len(owner), np.bool_)))
        classes = upper_classes(level, below, classes, huge)
        rows.append(_row(level, classes))
        below = level
    return rows, HugeEntries(np.concatenate(spaces), np.concatenate(addresses), np.concatenate(kinds)), astray


def _row(level: Level, classes: NDArray[np.uint8]) -> Row:
    count = len(level.pfn)
    return level.space, np.full(count, level.level, np.uint8), level.address, classes, np.zeros(count, np.bool_)


def _bad(tree: Tree, astray: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    bad = np.zeros((count, len(LEVELS) + 1), dtype=np.int64)
    for level in tree.levels:
        bad[:, level.level] = np.bincount(level.bad, minlength=count)
    bad[:, PTE] += np.bincount(astray, minlength=count)
    return bad


def _accounts(prog: Program, kernel: Kernel, memmap: Memmap, tree: Tree, own: KernelTree) -> Accounts:
    in_kernel = np.zeros(len(memmap.table), dtype=np.bool_)
    in_kernel[own.pfns] = True
    waiting = np.zeros(len(memmap.table), dtype=np.bool_)
    waiting[pending_tables(prog, kernel)] = True
    lost = memmap.table & ~tree.visited
    return Accounts(
        typed=len(memmap.pfns),
        reached=int(np.count_nonzero(memmap.table & tree.visited & ~in_kernel)),
        kernel=int(np.count_nonzero(memmap.table & in_kernel)),
        pending=int(np.count_nonzero(lost & waiting)),
        unreached=int(np.count_nonzero(lost & ~waiting)),
        nr_pagetable=nr_pagetable(prog),
        cgroups=cgroup_tables(prog, memmap),
    )
