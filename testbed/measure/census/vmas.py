# SPDX-License-Identifier: GPL-2.0-only
"""All mappings (VMAs) of all address spaces, read from their maple trees a whole level at a time.

Node layout: include/linux/maple_tree.h (256-byte nodes; ``maple_range_64`` and ``maple_arange_64``). A pointer to a
node carries its type in bits 3 to 6.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.kernel import Kernel
from testbed.measure.census.memory import U64, Memory

__all__ = ["Vmas", "read_vmas"]

NODE_BYTES = 256
NODE_MASK = np.uint64(NODE_BYTES - 1)
LEAF_64, RANGE_64, ARANGE_64 = 1, 2, 3
RANGE_SLOTS, ARANGE_SLOTS = 16, 10
# Words of a node: the parent, then pivots, then slots.
RANGE_FIRST_SLOT, ARANGE_FIRST_SLOT = 16, 10
MAX = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
# xa_is_node(): the low two bits of an entry that is a node; small ones are the tree's own marks.
INTERNAL, INTERNAL_MASK, SMALLEST_NODE = np.uint64(2), np.uint64(3), np.uint64(4096)
# No tree is deeper (MAPLE_HEIGHT_MAX).
DEPTH = 31


@dataclass(frozen=True)
class Vmas:
    """Mappings sorted by (space, start): owner's index, first byte, byte behind the last, ``vm_flags``.

    ``anonymous``: no ``vm_ops``, see ``vma_is_anonymous()`` in include/linux/mm.h.
    """

    space: NDArray[np.int32]
    start: U64
    end: U64
    flags: U64
    anonymous: NDArray[np.bool_]
    #: Nodes and mappings that lie outside RAM, or that a loop made endless.
    bad: int


def read_vmas(memory: Memory, kernel: Kernel, roots: U64) -> Vmas:
    """Read the mappings of each space; ``roots`` are the ``mm_mt.ma_root`` of each."""
    space = np.arange(len(roots), dtype=np.int32)
    single = (roots & INTERNAL_MASK == 0) & (roots > SMALLEST_NODE)
    found_space, found = [space[single]], [roots[single]]
    inner = (roots & INTERNAL_MASK == INTERNAL) & (roots > SMALLEST_NODE)
    nodes, space = roots[inner], space[inner]
    limit = np.full(len(nodes), MAX, dtype=np.uint64)
    bad = 0
    seen = nodes[:0]
    for _ in range(DEPTH):
        fresh = _first_time(nodes & ~NODE_MASK, seen)
        bad += int(np.count_nonzero(~fresh))
        nodes, space, limit = nodes[fresh], space[fresh], limit[fresh]
        if not len(nodes):
            break
        seen = np.concatenate((seen, nodes & ~NODE_MASK))
        address = (nodes & ~NODE_MASK) - np.uint64(kernel.page_offset)
        inside = memory.inside(address, NODE_BYTES)
        bad += int(np.count_nonzero(~inside))
        nodes, space, limit = nodes[inside], space[inside], limit[inside]
        words = memory.gather(address[inside], NODE_BYTES).view(np.uint64)
        kind = nodes >> np.uint64(3) & np.uint64(15)
        below: list[tuple[NDArray[np.int32], U64, U64]] = []
        for wanted in (LEAF_64, RANGE_64, ARANGE_64):
            rows = np.flatnonzero(kind == wanted)
            owner, slots, limits = _slots(words[rows], limit[rows], wanted)
            if wanted == LEAF_64:
                found_space.append(space[rows][owner])
                found.append(slots)
            else:
                below.append((space[rows][owner], slots, limits))
        bad += int(np.count_nonzero(~np.isin(kind, (LEAF_64, RANGE_64, ARANGE_64))))
        space, nodes, limit = (np.concatenate(column) for column in zip(*below, strict=True))
    return _read(memory, kernel, np.concatenate(found_space), np.concatenate(found), bad)


def _first_time(nodes: U64, seen: U64) -> NDArray[np.bool_]:
    """Tell which nodes are met for the first time: a tree is no graph, and a loop ends here."""
    fresh = np.zeros(len(nodes), dtype=np.bool_)
    fresh[np.unique(nodes, return_index=True)[1]] = True
    return fresh & ~np.isin(nodes, seen)


def _slots(words: U64, limit: U64, kind: int) -> tuple[NDArray[np.intp], U64, U64]:
    """Give the used slots of nodes of one kind: (row, pointer, last index of it).

    A node ends with the slot whose pivot is the node's own last index, or is 0 (``ma_data_end`` in lib/maple_tree.c);
    what lies behind is stale.
    """
    slots, first = (ARANGE_SLOTS, ARANGE_FIRST_SLOT) if kind == ARANGE_64 else (RANGE_SLOTS, RANGE_FIRST_SLOT)
    pivots = np.concatenate((words[:, 1:slots], limit[:, None]), axis=1)
    over = (pivots == 0) | (pivots >= limit[:, None])
    over[:, -1] = True
    last = over.argmax(axis=1)
    pivots[np.arange(len(pivots)), last] = limit
    pointers = words[:, first : first + slots]
    used = (np.arange(slots) <= last[:, None]) & (pointers > SMALLEST_NODE)
    row, slot = np.nonzero(used)
    return row, pointers[row, slot], pivots[row, slot]


def _read(memory: Memory, kernel: Kernel, space: NDArray[np.int32], pointers: U64, bad: int) -> Vmas:
    layout = kernel.vma
    size = max(layout.start, layout.end, layout.flags, layout.ops) + 8
    address = pointers - np.uint64(kernel.page_offset)
    inside = memory.inside(address, size)
    raw = memory.gather(address[inside], size)
    start, end, flags, ops = (
        np.ascontiguousarray(raw[:, at : at + 8]).view(np.uint64)[:, 0]
        for at in (layout.start, layout.end, layout.flags, layout.ops)
    )
    space = space[inside]
    order = np.lexsort((start, space))
    lost = bad + int(np.count_nonzero(~inside))
    return Vmas(space[order], start[order], end[order], flags[order], ops[order] == 0, lost)
