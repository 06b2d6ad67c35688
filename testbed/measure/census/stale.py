# SPDX-License-Identifier: GPL-2.0-only
"""What a page table leaves behind in the page that it lay in, once it is a table no more.

Which entries of a table were populated is somebody's knowledge, and a kernel that frees a table which holds entries of
the zeropage may free it with all of them: whoever gets the page next, and does not clear it, has them too.
"""

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.memory import Memory
from testbed.measure.census.x86 import ADDRESS, PRESENT, TABLE_BYTES

__all__ = ["zeropage_words"]

BATCH = 1024


def zeropage_words(memory: Memory, zero_pfn: int, frames: NDArray[np.intp]) -> int:
    """Count the words in these page frames that would be present entries of the zeropage if they stood in a table."""
    found = 0
    for begin in range(0, len(frames), BATCH):
        addresses = frames[begin : begin + BATCH].astype(np.uint64) << np.uint64(12)
        words = memory.gather(addresses, TABLE_BYTES).view(np.uint64)
        found += int(np.count_nonzero((words & (ADDRESS | PRESENT)) == np.uint64(zero_pfn << 12) | PRESENT))
    return found
