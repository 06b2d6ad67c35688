# SPDX-License-Identifier: GPL-2.0-only
"""One metric of one cell over many runs: what regressions are judged on."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["VERDICT", "Point", "Series", "SeriesKey"]

#: The metric whose points have no value: the cell's verdict itself.
VERDICT = "verdict"


@dataclass(frozen=True, order=True)
class SeriesKey:
    """What a series is of: ``scenario`` is the label with its parameters, as in the cell's name; no attempt number.

    ``metric`` is ``PHASE.NAME`` as in expectations (``after.left_over.pte``), ``cost.OPERATION`` in instructions an
    operation, ``wall_s``, ``start_s``, or :data:`VERDICT`.
    """

    scenario: str
    kernel: str
    guest: str
    metric: str


@dataclass(frozen=True)
class Point:
    """One cell of one run; ``at`` is the run's start in UTC (ISO 8601), ``value`` None where ``metric`` has none.

    ``kernel_key``, ``patchset_hash``, ``source_version`` and ``guest_key`` tell what ran; ``host`` and ``accel`` where:
    times of unlike hosts are never compared. ``patchset_hash`` is None for a kernel without patches.
    """

    run: str
    at: str
    cell: str
    value: float | None
    verdict: str
    kernel_key: str
    patchset_hash: str | None
    source_version: str
    guest_key: str
    host: str
    accel: str


@dataclass(frozen=True)
class Series:
    """The points of one key, oldest first; runs with ``--repeat`` give several points of one run."""

    key: SeriesKey
    points: tuple[Point, ...]

    @classmethod
    def of(cls, key: SeriesKey, points: Iterable[Point]) -> "Series":
        """Sort points by time, then run, then cell."""
        return cls(key, tuple(sorted(points, key=lambda point: (point.at, point.run, point.cell))))
