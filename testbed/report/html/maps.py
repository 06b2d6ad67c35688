# SPDX-License-Identifier: GPL-2.0-only
"""Maps of address spaces: every table of the census files, packed to a few bytes for each run of like tables.

A map is that of a cell at a phase. It has five planes for each process: the PTE tables of the tree, the PMD, PUD and
P4D tables, and the deposits, which hang in no tree. A table stands in its plane at a slot: its address by the span that
one table of that level maps. A run is what follows without a gap and is of one class and one content.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLANES", "SHIFTS", "Packed", "Seen", "pack", "see"]

PLANES = ("pte", "pmd", "pud", "p4d", "deposit")
#: A table of a plane maps 2 to this power bytes; x86-64, and a deposit waits to be a PTE table.
SHIFTS = (21, 30, 39, 48, 21)
DEPOSIT = PLANES.index("deposit")
# Beyond as many different contents of tables a map is of classes alone.
CONTENTS = 20_000
GROUP_BITS = 7

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """The tables of a workload's processes: owner (index of ``spaces``), plane, slot, class, and entries by kind.

    ``entries`` has a row a table; it is of zeros where a table's entries were not counted: those of upper levels.
    """

    spaces: tuple[str, ...]
    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    space: Longs
    plane: Longs
    slot: Longs
    kind: Longs
    entries: NDArray[np.uint16]

    def counts(self) -> dict[str, dict[str, int]]:
        """Count tables by plane and class, deposits apart."""
        return {
            name: {
                word: int(np.sum((self.plane == number) & (self.kind == at))) for at, word in enumerate(self.classes)
            }
            for number, name in enumerate(PLANES)
        }


@dataclass(frozen=True)
class Packed:
    """``data`` holds the maps one after the other; ``index`` says of each where it begins and what it is of."""

    data: bytes
    index: dict[str, Any]


def see(path: Path, pid: int) -> Seen | None:
    """Read the census of a phase as far as it is of the workload; None where there is none that can be read.

    ``pid`` is the workload's first process. What belongs to its cgroup was started after it: the agent starts nothing
    else, and a guest that runs for minutes does not come round to small numbers again.
    """
    try:
        with np.load(path) as kept:
            owners = [str(name) for name in kept["spaces"]]
            mine = [at for at, name in enumerate(owners) if _pid(name) >= pid]
            rows = np.flatnonzero(np.isin(kept["mm"], mine))
            plane = kept["level"][rows].astype(np.int64) - 1
            plane[kept["deposit"][rows]] = DEPOSIT
            counted = kept["entries"]
            entries = np.zeros((len(rows), counted.shape[1]), dtype=np.uint16)
            first = rows < len(counted)
            entries[first] = counted[rows[first]]
            address = kept["address"][rows]
            return Seen(
                spaces=tuple(owners[at] for at in mine),
                classes=tuple(str(name) for name in kept["classes"]),
                kinds=tuple(str(name) for name in kept["kinds"]),
                space=np.searchsorted(mine, kept["mm"][rows]).astype(np.int64),
                plane=plane,
                slot=(address >> np.array(SHIFTS, dtype=np.uint64)[plane]).astype(np.int64),
                kind=kept["class"][rows].astype(np.int64),
                entries=entries,
            )
    except (OSError, EOFError, ValueError, LookupError, BadZipFile):
        return None


def pack(maps: Mapping[str, Seen]) -> Packed:
    """Pack maps by name; ``contents`` of the index are the entries that tables hold, each once."""
    names = list(maps)
    contents, which = _contents([maps[name].entries for name in names])
    data = bytearray()
    places = {}
    for name, content in zip(names, which, strict=True):
        seen = maps[name]
        places[name] = {"spaces": seen.spaces, "at": len(data)}
        for owner in range(len(seen.spaces)):
            for plane in range(len(PLANES)):
                rows = np.flatnonzero((seen.space == owner) & (seen.plane == plane))
                data += _runs(seen.slot[rows], seen.kind[rows], content[rows])
    one = next(iter(maps.values()), None)
    return Packed(
        bytes(data),
        {
            "maps": places,
            "classes": one.classes if one else (),
            "kinds": one.kinds if one else (),
            "contents": contents,
        },
    )


def _contents(entries: Sequence[NDArray[np.uint16]]) -> tuple[list[list[list[int]]], list[Longs]]:
    """Number the different rows: give each as [kind, count] of what it holds, and of each table the number."""
    if not entries:
        return [], []
    all_rows = np.concatenate(entries)
    # a row as one number of some bytes: far quicker to sort
    words = np.ascontiguousarray(all_rows).view(np.dtype((np.void, all_rows.shape[1] * all_rows.itemsize))).ravel()
    _, first, number = np.unique(words, return_index=True, return_inverse=True)
    if len(first) > CONTENTS:
        return [], [np.zeros(len(rows), dtype=np.int64) for rows in entries]
    held = [[[kind, int(row[kind])] for kind in np.flatnonzero(row).tolist() if kind] for row in all_rows[first]]
    ends = np.cumsum([len(rows) for rows in entries])[:-1]
    return held, np.split(number.astype(np.int64), ends)


def _runs(slot: Longs, kind: Longs, content: Longs) -> bytes:
    """Pack a plane: how many runs, then of each the gap, of each the length and class, of each the content.

    The gap is from the last slot of the run before, so 0 tells of a second table at one place, as deposits may be.
    """
    order = np.lexsort((content, kind, slot))
    slot, kind, content = slot[order], kind[order], content[order]
    # of several tables at one place each is a run, which makes them easy to tell
    crowded = np.isin(slot, slot[1:][np.diff(slot) == 0])
    same = (np.diff(slot) == 1) & (np.diff(kind) == 0) & (np.diff(content) == 0) & ~crowded[1:] & ~crowded[:-1]
    begins = np.concatenate(([0], np.flatnonzero(~same) + 1)) if len(slot) else np.zeros(0, dtype=np.int64)
    lengths = np.diff(np.concatenate((begins, [len(slot)])))
    last = slot[begins + lengths - 1]
    gaps = slot[begins] - np.concatenate(([0], last[:-1]))[: len(begins)]
    columns = (np.array([len(begins)]), gaps, lengths << 2 | kind[begins], content[begins])
    return b"".join(_varints(column) for column in columns)


def _varints(values: Longs) -> bytes:
    """Write numbers that are not negative by 7 bits, the lowest first; the top bit says that more follow."""
    if not len(values):
        return b""
    size = max(1, -(-int(values.max()).bit_length() // GROUP_BITS))
    shifts = np.arange(size) * GROUP_BITS
    groups = (values[:, None] >> shifts) & 0x7F
    lengths = 1 + np.sum((values[:, None] >> shifts[1:]) > 0, axis=1)
    place = np.arange(size)
    groups |= np.where(place < lengths[:, None] - 1, 0x80, 0)
    packed: bytes = groups[place < lengths[:, None]].astype(np.uint8).tobytes()
    return packed


def _pid(owner: str) -> int:
    word = owner.partition(" ")[0]
    return int(word) if word.isdigit() else -1
