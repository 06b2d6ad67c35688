# SPDX-License-Identifier: GPL-2.0-only
"""Whether the mappings above a table let it go: design.md section 3 calls the place ``bare`` then."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.kernel import Kernel
from testbed.measure.census.memory import U64
from testbed.measure.census.vmas import Vmas

__all__ = ["bare", "mapped_by"]

SPAN = np.uint64(2 << 20)
MEMORY_END = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def bare(vmas: Vmas, kernel: Kernel, space: NDArray[np.int32], address: U64) -> NDArray[np.bool_]:
    """Tell of each 2 MiB at ``address`` whether no mapping in it is locked, registered, special or tracked.

    A kernel with soft-dirty tracking marks every new mapping; one without the mark is being watched.
    """
    layout = kernel.vma
    held = (vmas.flags & np.uint64(layout.bare)) != 0
    soft = (vmas.flags & np.uint64(layout.softdirty)) != 0
    if soft.any():
        held |= ~soft
    return ~mapped_by(vmas, held, space, address)


def mapped_by(vmas: Vmas, which: NDArray[np.bool_], space: NDArray[np.int32], address: U64) -> NDArray[np.bool_]:
    """Tell of each 2 MiB at ``address`` whether one of those mappings reaches into it."""
    found = np.zeros(len(space), dtype=np.bool_)
    before = np.concatenate(([0], np.cumsum(which)))

    def within(query: NDArray[np.intp], first: int, last: int) -> None:
        begin = first + np.searchsorted(vmas.end[first:last], address[query], side="right")
        end = first + np.searchsorted(vmas.start[first:last], _end(address[query]), side="left")
        found[query] = before[np.maximum(begin, end)] > before[begin]

    _by_space(vmas, space, within)
    return found


def _end(address: U64) -> U64:
    return np.where(address > MEMORY_END - SPAN, MEMORY_END, address + SPAN)


def _by_space(vmas: Vmas, space: NDArray[np.int32], do: Callable[[NDArray[np.intp], int, int], None]) -> None:
    if not len(space):
        return
    order = np.argsort(space, kind="stable")
    owners, starts = np.unique(space[order], return_index=True)
    for owner, query in zip(owners.tolist(), np.split(order, starts[1:]), strict=True):
        first, last = np.searchsorted(vmas.space, (owner, owner + 1))
        do(query, int(first), int(last))
