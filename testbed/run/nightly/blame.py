# SPDX-License-Identifier: GPL-2.0-only
"""Is it the new point release? The kernel as it was runs beside itself, so the same night can tell."""

from collections.abc import Sequence
from dataclasses import replace

from testbed.judge.drift import REGRESSION, Drift, judge_series
from testbed.judge.trend import Series
from testbed.run.nightly.sources import News

__all__ = ["blamed"]


def blamed(told: Sequence[tuple[Series, Drift]], news: Sequence[News], run: str) -> list[str]:
    """Give a line for each regression of a kernel whose source is new: whether its twin of that night has it too."""
    by_kernel = {each.kernel: each for each in news}
    by_key = {series.key: series for series, _ in told}
    lines = []
    for series, drift in told:
        key, each = drift.key, by_kernel.get(drift.key.kernel)
        if drift.kind != REGRESSION or each is None:
            continue
        twin = by_key.get(replace(key, kernel=each.twin))
        tonight = [point for point in twin.points if point.run == run] if twin else []
        if not tonight:
            continue
        before = [point for point in series.points if point.run != run]
        same = judge_series(Series.of(key, [*before, *tonight])).kind != REGRESSION
        says = (
            f"{each.was} of the same night has it not: {each.now} brought it" if same else f"{each.was} has it as well"
        )
        lines.append(f"{key.kernel} {key.scenario} {key.metric}: {says}")
    return lines
