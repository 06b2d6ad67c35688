# SPDX-License-Identifier: GPL-2.0-only
"""Is it the new point release? The kernel as it was runs beside itself, so the same night can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from testbed.judge.drift import Drift, judge_series
from testbed.judge.trend import Series, SeriesKey
from testbed.run.nightly.sources import News

__all__ = ["blamed"]


def blamed(drifts: Sequence[Drift], series: Mapping[SeriesKey, Series], news: Sequence[News], run: str) -> list[str]:
    """Give a line for each regression of a kernel whose source is new: whether its twin of that night has it too."""
    by_kernel = {each.kernel: each for each in news}
    lines = []
    for drift in drifts:
        each = by_kernel.get(drift.key.kernel)
        if drift.kind != "regression" or each is None:
            continue
        key, twin = drift.key, series.get(replace(drift.key, kernel=each.twin))
        tonight = [point for point in twin.points if point.run == run] if twin else []
        if not tonight or key not in series:
            continue
        before = [point for point in series[key].points if point.run != run]
        same = judge_series(Series.of(key, [*before, *tonight])).kind != "regression"
        told = (
            f"{each.was} of the same night has it not: {each.now} brought it" if same else f"{each.was} has it as well"
        )
        lines.append(f"{key.kernel} {key.scenario} {key.metric}: {told}")
    return lines
