# SPDX-License-Identifier: GPL-2.0-only
"""What history tells on the terminal: its runs, what is worse and since when, which cells are flaky, single series."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from testbed.judge.drift import REGRESSION, Drift, judge_series, judged
from testbed.judge.reason import flake_words, number
from testbed.judge.trend import VERDICT, Series, SeriesKey
from testbed.report.drifts import drift_json, headline
from testbed.report.sparkline import CHANGE, sparkline, verdict_line
from testbed.report.text import aligned

__all__ = ["flaky", "judgements", "open_regressions", "overview_json", "run_lines", "series_json", "series_lines"]

HEADERS = ("run", "cells", "of them", "host")
# So many values fit a line.
VALUES = 12


class Told(Protocol):
    """What is shown of a run in history."""

    @property
    def id(self) -> str: ...
    @property
    def cells(self) -> int: ...
    @property
    def verdicts(self) -> Mapping[str, int]: ...
    @property
    def host(self) -> str: ...


def judgements(series: Iterable[Series]) -> list[Drift]:
    """Judge each series that is judged, as it stands after its newest run."""
    return [judge_series(each) for each in series if judged(each.key.metric)]


def open_regressions(drifts: Sequence[Drift]) -> list[str]:
    """Give a line for each cell of which something is worse and was not mended."""
    by_cell: dict[str, list[Drift]] = {}
    for drift in drifts:
        if drift.kind == REGRESSION:
            by_cell.setdefault(_cell(drift.key), []).append(drift)
    return [f"REGRESSION {cell}: {headline(worse)}" for cell, worse in by_cell.items()]


def flaky(drifts: Sequence[Drift]) -> list[str]:
    """Give a line for each cell that fails now and then for no reason that is known."""
    return [f"FLAKY {_cell(drift.key)}: {flake_words(drift.flake_rate)}" for drift in drifts if _is_flaky(drift)]


def run_lines(runs: Sequence[Told]) -> list[str]:
    """Give the table of runs."""
    rows = [(run.id, str(run.cells), _counts(run.verdicts), run.host) for run in runs]
    return aligned([HEADERS, *rows], left=(0, 2, 3))


def series_lines(series: Series) -> Iterator[str]:
    """Give a series: what it is of, its points as signs and the newest as numbers, and the judgement below."""
    key, points = series.key, series.points
    drift = judge_series(series) if judged(key.metric) else None
    changes = drift.changes if drift is not None else ()
    runs = list(dict.fromkeys(point.run for point in points))
    span = runs[0] if len(runs) == 1 else f"{len(runs)} runs, {runs[0]} to {runs[-1]}"
    yield f"{_cell(key)} {key.metric} ({span})"
    if key.metric == VERDICT:
        yield f"  {verdict_line(points, changes)}"
    else:
        first = max(0, len(points) - VALUES)
        shown = [
            (f"{CHANGE} " if at in changes else "") + ("-" if point.value is None else number(key.metric, point.value))
            for at, point in enumerate(points)
            if at >= first
        ]
        yield f"  {sparkline([point.value for point in points], changes)}  {'… ' if first else ''}{' '.join(shown)}"
    if drift is not None:
        yield f"  {drift.kind}: {drift.reason}"


def series_json(series: Series) -> dict[str, Any]:
    """Give the JSON object of a series: key, points, and the judgement (None where the metric is only shown)."""
    drift = judge_series(series) if judged(series.key.metric) else None
    return {
        "type": "series",
        **asdict(series.key),
        "points": [asdict(point) for point in series.points],
        "changes": list(drift.changes) if drift is not None else [],
        "judgement": drift_json(drift) if drift is not None else None,
    }


def overview_json(runs: Sequence[Told], drifts: Sequence[Drift]) -> Iterator[dict[str, Any]]:
    """Give an object for each run, each open regression and each flaky cell; ``type`` tells which."""
    for run in runs:
        yield {"type": "run", "run": run.id, "cells": run.cells, "verdicts": dict(run.verdicts), "host": run.host}
    for drift in drifts:
        if drift.kind == REGRESSION:
            yield {"type": "regression", **asdict(drift.key), **drift_json(drift)}
    for drift in drifts:
        if _is_flaky(drift):
            yield {"type": "flaky", **asdict(drift.key), "flake_rate": drift.flake_rate}


def _is_flaky(drift: Drift) -> bool:
    return drift.key.metric == VERDICT and drift.flake_rate > 0 and not drift.stable


def _counts(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items(), key=lambda pair: -pair[1]))


def _cell(key: SeriesKey) -> str:
    return f"{key.kernel}/{key.guest}/{key.scenario}"
