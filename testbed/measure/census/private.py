# SPDX-License-Identifier: GPL-2.0-only
"""Zeropages in private mappings of files: the next fault would bring the file, not zeroes, so they have to stay.

KSM maps them there (``replace_page()`` in mm/ksm.c), UFFDIO_ZEROPAGE does in private mappings of shmem.
"""

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.bare import mapped_by
from testbed.measure.census.kernel import Kernel
from testbed.measure.census.memory import U64, Memory
from testbed.measure.census.vmas import Vmas
from testbed.measure.census.x86 import ADDRESS, PRESENT, TABLE_BYTES

__all__ = ["holds_private_zeropages"]

PAGE_SHIFT = np.uint64(12)


def holds_private_zeropages(
    memory: Memory, vmas: Vmas, kernel: Kernel, pfn: NDArray[np.intp], space: NDArray[np.int32], address: U64
) -> NDArray[np.bool_]:
    """Tell which PTE tables map the zeropage where a mapping is not anonymous (``vma_is_anonymous()``).

    ``pfn``, ``space`` and ``address`` are those of the tables. Only tables that such a mapping reaches into are read.
    """
    held = mapped_by(vmas, ~vmas.anonymous, space, address)
    for row in np.flatnonzero(held).tolist():
        entries = memory.gather(pfn[row : row + 1].astype(np.uint64) << PAGE_SHIFT, TABLE_BYTES).view(np.uint64)[0]
        zero = (entries & (ADDRESS | PRESENT)) == np.uint64(kernel.zero_pfn << 12) | PRESENT
        at = address[row] + (np.flatnonzero(zero).astype(np.uint64) << PAGE_SHIFT)
        held[row] = bool((~_anonymous(vmas, int(space[row]), at)).any())
    return held


def _anonymous(vmas: Vmas, space: int, address: U64) -> NDArray[np.bool_]:
    """Tell of addresses in one space whether they lie in an anonymous mapping."""
    first, last = np.searchsorted(vmas.space, (space, space + 1))
    place = first + np.searchsorted(vmas.end[first:last], address, side="right")
    inside = place < last
    found = np.zeros(len(address), dtype=np.bool_)
    where = place[inside]
    found[inside] = vmas.anonymous[where] & (vmas.start[where] <= address[inside])
    return found
