# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts of a cell over its runs: since when it does not pass, and whether that is news or only a flaky cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from testbed.judge.flakes import BAD, FLAKE, GOOD, Flakiness, flakiness
from testbed.judge.trend import Point

__all__ = ["Streak", "streak"]

#: A cell that fails now and then is left in peace until so many failures in a row are less likely than this.
UNLIKELY = 0.01
RANKS = {**dict.fromkeys(GOOD, 0), FLAKE: 1, **{verdict: 2 + rank for rank, verdict in enumerate(BAD)}}


@dataclass(frozen=True)
class Streak:
    """How a cell stands after its newest run, of which ``newest`` is the worst point.

    ``kind`` is as in a Drift. ``last_good`` and ``first_bad`` enclose what went wrong; ``mended`` is the last point
    that did not pass, of a cell that just came to pass again. ``changes`` are points with which it went over from
    passing to not passing or back.
    """

    kind: str
    newest: Point
    before: Flakiness
    last_good: Point | None = None
    first_bad: Point | None = None
    mended: Point | None = None
    changes: tuple[int, ...] = ()


def streak(points: Sequence[Point]) -> Streak:
    """Judge the verdicts of a cell, oldest first; there is at least one point.

    Points without a word on the guest (``skip``, ``error``) neither end a streak nor begin one.
    """
    newest = max((point for point in points if point.run == points[-1].run), key=lambda point: _rank(point, -1))
    told = [at for at, point in enumerate(points) if point.verdict in RANKS]
    good = [point.verdict in GOOD for point in points]
    changes = tuple(at for was, at in pairwise(told) if good[was] != good[at])
    if newest.verdict not in RANKS:
        kind = "same" if newest.verdict == "skip" and _skipped_before(points) else "incomparable"
        return Streak(kind, newest, flakiness(points), changes=changes)
    nights = _worst_of_each_run([points[at] for at in told])
    bad = _trailing([point.verdict not in GOOD for point in nights])
    before = nights[: len(nights) - bad]
    trust = flakiness([point for point in points if not before or point.at <= before[-1].at] if before else ())
    if not bad:
        return _passing(nights, newest, trust, changes)
    first_bad, last_good = nights[-bad], before[-1] if before else None
    kind = _kind(nights, bad, before, trust)
    return Streak(kind, newest, trust, last_good, first_bad, changes=changes)


def _passing(nights: Sequence[Point], newest: Point, trust: Flakiness, changes: tuple[int, ...]) -> Streak:
    if len(nights) == 1:
        return Streak("new", newest, trust, newest, changes=changes)
    last = nights[-2]
    if last.verdict in GOOD:
        return Streak("same", newest, trust, newest, changes=changes)
    # what passes again with the same kernel was not mended, it is flaky
    lucky = (last.kernel_key, last.guest_key) == (newest.kernel_key, newest.guest_key)
    return Streak("same" if lucky else "improvement", newest, trust, newest, None, last, changes)


def _kind(nights: Sequence[Point], bad: int, before: Sequence[Point], trust: Flakiness) -> str:
    newest = nights[-1]
    if not before:
        worse = bad > 1 and _rank(newest) > max(_rank(point) for point in nights[:-1])
        return "regression" if worse else "new" if len(nights) == 1 else "same"
    if trust.stable or not trust.rate:
        return "regression"
    # a flake passed in the end: only a cell that could be trusted is worth a word for it
    if all(point.verdict == FLAKE for point in nights[-bad:]):
        return "same"
    return "regression" if trust.rate**bad < UNLIKELY else "same"


def _skipped_before(points: Sequence[Point]) -> bool:
    return next((point for point in reversed(points) if point.run != points[-1].run), points[-1]).verdict == "skip"


def _worst_of_each_run(points: Sequence[Point]) -> list[Point]:
    by_run: dict[str, Point] = {}
    for point in points:
        if point.run not in by_run or _rank(point) > _rank(by_run[point.run]):
            by_run[point.run] = point
    return list(by_run.values())


def _rank(point: Point, unknown: int = 0) -> int:
    return RANKS.get(point.verdict, unknown)


def _trailing(flags: Sequence[bool]) -> int:
    return next((count for count, flag in enumerate(reversed(flags)) if not flag), len(flags))
