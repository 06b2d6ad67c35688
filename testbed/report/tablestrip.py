# SPDX-License-Identifier: GPL-2.0-only
"""The tables of a process in one plane as blocks in rows, in the order of addresses: what a still picture needs.

The rules are those of the interactive map (``html/packed.js``): a place for every table, a blank for a gap unless there
are many, and of several tables at one address each has a place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from testbed.report.html.maps import PLANES, SHIFTS, Longs, Seen

__all__ = ["DRAWN", "Strip", "paths", "runs_of", "strips"]

#: The planes as they are drawn, from the top of the tree down.
DRAWN = ("p4d", "pud", "pmd", "pte", "deposit")
# Above as many interruptions, for so many tables, they are not shown: blanks would be most of the picture.
FEW_GAPS = 0.1
ALWAYS_GAPS = 8
BLANK = -1
# A plane with fewer tables is drawn table by table in any case.
MANY = 2_000


@dataclass(frozen=True)
class Strip:
    """A plane of a process: of each place the class (``BLANK`` for a gap) and the first address.

    ``tables`` counts the tables, ``gaps`` the interruptions, ``first`` and ``last`` are the first and the last byte
    that they map. A place stands for ``each`` tables in a row, in the class that most of them have.
    """

    plane: str
    kind: Longs
    address: Longs
    tables: int
    gaps: int
    first: int
    last: int
    each: int = 1


def strips(seen: Seen, each: int = 1) -> list[Strip]:
    """Lay out all planes that have tables, of all processes that were seen.

    A place is for ``each`` tables in a plane that has many.
    """
    found = []
    for plane in DRAWN:
        number = PLANES.index(plane)
        rows = np.flatnonzero(seen.plane == number)
        if len(rows):
            order = rows[np.lexsort((seen.kind[rows], seen.slot[rows]))]
            found.append(
                _strip(plane, SHIFTS[number], seen.slot[order], seen.kind[order], each if len(rows) >= MANY else 1)
            )
    return found


def _strip(plane: str, shift: int, slot: Longs, kind: Longs, each: int) -> Strip:
    interrupted = np.diff(slot) > 1
    gaps = int(interrupted.sum())
    blanks = each == 1 and gaps <= max(ALWAYS_GAPS, len(slot) * FEW_GAPS)
    address = slot << shift
    if each > 1:
        place, placed = _grouped(kind, each), address[::each]
    else:
        at = np.arange(len(slot)) + (np.concatenate(([0], np.cumsum(interrupted))) if blanks else 0)
        place = np.full(int(at[-1]) + 1, BLANK, dtype=np.int64)
        placed = np.zeros(len(place), dtype=np.int64)
        place[at], placed[at] = kind, address
        # a blank stands for what comes behind the last table
        hole = np.flatnonzero(place == BLANK)
        placed[hole] = placed[hole - 1] + (1 << shift)
    first, last = int(address[0]), int(address[-1]) + (1 << shift) - 1
    return Strip(plane, place, placed, len(slot), gaps, first, last, each)


def _grouped(kind: Longs, each: int) -> Longs:
    """Give of so many tables in a row the class that most have; of two that are level the one that could go."""
    groups = -(-len(kind) // each)
    classes = int(kind.max()) + 1
    counts = np.bincount(np.arange(len(kind)) // each * classes + kind, minlength=groups * classes)
    most: Longs = np.argmax(counts.reshape(groups, classes), axis=1).astype(np.int64)
    return most


def runs_of(strip: Strip, across: int) -> Iterator[tuple[int, int, int, int]]:
    """Give the runs of one class within a row of ``across`` blocks: class, row, first column, blocks."""
    kind = strip.kind
    at = np.arange(len(kind))
    begins = np.flatnonzero(np.concatenate(([True], (np.diff(kind) != 0) | (at[1:] % across == 0))))
    lengths = np.diff(np.concatenate((begins, [len(kind)])))
    for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True):
        if kind[begin] != BLANK:
            yield int(kind[begin]), begin // across, begin % across, length


def paths(strip: Strip, across: int, classes: Sequence[str]) -> dict[str, str]:
    """Give for each class the path of all its runs; a block is a unit wide and high, and its middle is drawn along."""
    drawn: dict[str, list[str]] = {}
    pens: dict[str, tuple[int, int]] = {}
    for kind, row, column, length in runs_of(strip, across):
        name = classes[kind]
        line = drawn.setdefault(name, ["M0 .5"])
        x, y = pens.get(name, (0, 0))
        line.append(f"m{column - x} {row - y}h{length}")
        pens[name] = (column + length, row)
    return {name: "".join(line) for name, line in drawn.items()}
