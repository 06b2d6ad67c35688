# SPDX-License-Identifier: GPL-2.0-only
"""How steadily a cell passes: the share of failures that no change explains, and whether it has earned trust."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from testbed.judge.trend import Point

__all__ = ["BAD", "FLAKE", "GOOD", "MEMORY", "STABLE_AFTER", "Flakiness", "flakiness"]

#: Verdicts of a cell that ended as its scenario expects; ``skip`` and ``error`` tell nothing of a guest.
GOOD = ("pass", "gap", "done")
#: From the mildest to the worst.
BAD = ("fail", "hang", "crash")
FLAKE = "flake"
#: Nights that are remembered: a month, so that what was mended is forgiven at last.
MEMORY = 30
#: A cell that fails in every fifth night passes so often in a row with a probability of 3.5 %; one in ten, 21 %.
STABLE_AFTER = 15


@dataclass(frozen=True)
class Flakiness:
    """``rate`` is the share of the last :data:`MEMORY` points that failed although their kernel and guest also pass.

    ``stable`` is a cell whose last :data:`STABLE_AFTER` points, or more, all passed: ``passes_in_a_row`` of them.
    """

    rate: float
    stable: bool
    passes_in_a_row: int


def flakiness(points: Sequence[Point]) -> Flakiness:
    """Judge the points of one cell, oldest first; those that tell nothing of the guest do not count."""
    told = [point for point in points if point.verdict in (*GOOD, *BAD, FLAKE)]
    steady = {_what(point) for point in told if point.verdict in GOOD}
    recent = told[-MEMORY:]
    flaked = sum(point.verdict == FLAKE or (point.verdict in BAD and _what(point) in steady) for point in recent)
    row = sum(1 for _ in takewhile(lambda point: point.verdict in GOOD, reversed(told)))
    return Flakiness(flaked / len(recent) if recent else 0.0, row >= STABLE_AFTER, row)


def _what(point: Point) -> tuple[str, str]:
    return point.kernel_key, point.guest_key
