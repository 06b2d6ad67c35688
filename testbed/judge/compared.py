# SPDX-License-Identifier: GPL-2.0-only
"""Two runs beside each other, cell by cell, with the judgements that history makes: a function of their records."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from testbed.judge.drift import (
    IMPROVEMENT,
    INCOMPARABLE,
    NEW,
    REGRESSION,
    SAME,
    Drift,
    judge_series,
    judged,
    least_effect,
)
from testbed.judge.flakes import GOOD
from testbed.judge.measured import label_of, series_of
from testbed.judge.reason import number, share
from testbed.judge.regression import Difference, differences
from testbed.judge.times import NEWEST, differs
from testbed.judge.trend import VERDICT, Series

__all__ = ["Compared", "Run", "compare"]

Record = Mapping[str, Any]
#: Header and records.
Run = tuple[Mapping[str, Any], Sequence[Record]]
# From the best to the worst: a cell is what the worst of its metrics is.
ORDER = (SAME, NEW, IMPROVEMENT, INCOMPARABLE, REGRESSION)
#: Facts of a guest that numbers depend on.
SHAPE = ("vcpus", "memory_mib", "levels")


@dataclass(frozen=True)
class Compared:
    """One cell, all its repeats, in the first and in the second run.

    ``verdict`` is what became of its verdict, None where only one of the runs has the cell: then ``was`` or ``now``,
    the worst verdict of the repeats, is None too. ``metrics`` are the judged ones that differ, ``subtests`` those of a
    suite's test. ``unlike`` says why no numbers are compared, empty where they are.
    """

    scenario: str
    kernel: str
    guest: str
    was: str | None
    now: str | None
    verdict: Drift | None
    metrics: tuple[Drift, ...] = ()
    subtests: tuple[Difference, ...] = ()
    unlike: str = ""

    @property
    def kind(self) -> str:
        """What the cell is as a whole."""
        if self.verdict is None:
            return INCOMPARABLE
        kinds = {self.verdict.kind, *(metric.kind for metric in self.metrics)}
        if any(difference.worse for difference in self.subtests):
            kinds.add(REGRESSION)
        if self.unlike:
            kinds.add(INCOMPARABLE)
        return max(kinds, key=ORDER.index)


def compare(first: Run, second: Run) -> list[Compared]:
    """Compare two runs of different ids, the first as history of the second, whichever ran first; sorted by cell."""
    found: dict[tuple[str, str, str], dict[str, list[Series]]] = {}
    for place, run in enumerate((first, second)):
        for series in series_of([run]):
            if judged(series.key.metric):
                # the order in which they are named is what counts, not that of their dates
                points = [replace(point, at=str(place)) for point in series.points]
                cell = (series.key.scenario, series.key.kernel, series.key.guest)
                found.setdefault(cell, {}).setdefault(series.key.metric, []).append(Series.of(series.key, points))
    records = [_by_cell(run[1]) for run in (first, second)]
    return [_compared(cell, found[cell], records[0].get(cell, ()), records[1].get(cell, ())) for cell in sorted(found)]


def _by_cell(records: Sequence[Record]) -> dict[tuple[str, str, str], list[Record]]:
    found: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        cell = (label_of(record), record["kernel"]["name"], record["guest"]["name"])
        found.setdefault(cell, []).append(record)
    return found


def _compared(
    cell: tuple[str, str, str], metrics: Mapping[str, Sequence[Series]], was: Sequence[Record], now: Sequence[Record]
) -> Compared:
    if not was or not now:
        return Compared(*cell, _worst(was), _worst(now), None)
    verdict = judge_series(_joined(metrics[VERDICT]))
    unlike = _unlike(was[0], now[0])
    subtests = tuple(
        difference for difference in differences(cell[0], cell[1], was, now) if difference.subtest is not None
    )
    numbers = () if unlike else tuple(_numbers(metrics))
    return Compared(*cell, _worst(was), _worst(now), verdict, numbers, subtests, unlike)


def _numbers(metrics: Mapping[str, Sequence[Series]]) -> Iterator[Drift]:
    """Judge what both runs have and what is not alike in both."""
    for metric, sides in metrics.items():
        if metric == VERDICT or len(sides) < 2:
            continue
        values = [sorted(point.value for point in side.points if point.value is not None) for side in sides]
        if len(set(map(tuple, values))) == 1:
            continue
        drift = judge_series(_joined(sides))
        if drift.method in ("times", "ranks"):
            yield from _repeated(drift, *(_values(side) for side in sides))
        else:
            yield drift


def _repeated(drift: Drift, was: Sequence[float], now: Sequence[float]) -> Iterator[Drift]:
    """Judge noisy numbers where both runs repeated the cell often enough; one night alone says nothing of them."""
    if drift.kind == INCOMPARABLE or min(len(was), len(now)) < NEWEST:
        return
    before, after = statistics.median(was), statistics.median(now)
    kind = (REGRESSION if after > before else IMPROVEMENT) if differs(was, now, least_effect(drift.key)) else SAME
    metric = drift.key.metric
    told = f"{metric} {number(metric, after)} in {len(now)} repeats, was {number(metric, before)} in {len(was)}"
    yield replace(drift, kind=kind, reason=f"{told}{share(before, after)}", was=before, now=after)


def _values(side: Series) -> list[float]:
    return [point.value for point in side.points if point.value is not None and point.verdict in GOOD]


def _joined(sides: Sequence[Series]) -> Series:
    return Series.of(sides[0].key, [point for side in sides for point in side.points])


def _unlike(was: Record, now: Record) -> str:
    """Say why the numbers of two cells of one name can't be compared; empty where they can."""
    guests = [
        f"{fact} {was['guest'].get(fact)}→{now['guest'].get(fact)}"
        for fact in SHAPE
        if was["guest"].get(fact) != now["guest"].get(fact)
    ]
    if guests:
        return f"another guest: {', '.join(guests)}"
    before, after = was["scenario"]["params"], now["scenario"]["params"]
    changed = [
        f"{name} {before.get(name)}→{after.get(name)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return f"other parameters: {', '.join(changed)}" if changed else ""


def _worst(records: Sequence[Record]) -> str | None:
    order = ("skip", *GOOD, "error", "flake", "fail", "hang", "crash")
    return max((str(record["verdict"]) for record in records), key=order.index, default=None)
