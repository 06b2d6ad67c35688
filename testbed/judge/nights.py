# SPDX-License-Identifier: GPL-2.0-only
"""One value for each run of a series, whatever ``--repeat`` was: what the methods go through."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from testbed.judge.trend import Point

__all__ = ["Night", "median", "most", "nights"]


@dataclass(frozen=True)
class Night:
    """A run's value; ``point`` is one that it is of, the ``index``-th of the series; ``cells`` are its points."""

    index: int
    point: Point
    value: float
    cells: int


def median(values: Sequence[float]) -> float:
    """What is typical of the repeats, for what chance moves either way."""
    return statistics.median_low(values)


def most(values: Sequence[float]) -> float:
    """The worst of the repeats, for what ought never to be."""
    return max(values)


def nights(
    points: Sequence[Point], usable: Callable[[Point], bool], of: Callable[[Sequence[float]], float]
) -> list[Night]:
    """Give the runs that have a usable point with a value, in order; ``of`` gives one of the values of a run."""
    runs: dict[str, list[tuple[int, Point, float]]] = {}
    for index, point in enumerate(points):
        if point.value is not None and usable(point):
            runs.setdefault(point.run, []).append((index, point, point.value))
    found = []
    for cells in runs.values():
        value = of([value for _, _, value in cells])
        index, point, _ = next(cell for cell in cells if cell[2] == value)
        found.append(Night(index, point, value, len(cells)))
    return found
