# SPDX-License-Identifier: GPL-2.0-only
"""History as the page shows it: judged series, what became worse first, few enough to be carried along."""

from collections.abc import Iterable, Sequence
from typing import Any

from testbed.judge.drift import IMPROVEMENT, REGRESSION, Drift
from testbed.judge.trend import VERDICT, Point, Series

__all__ = ["History", "judged_series"]

ORDER = {REGRESSION: 0, IMPROVEMENT: 1}
# Of what did not change only these are taken along; a series has its newest points.
STEADY = (VERDICT, "vmpte_kb", "left_over.pte", "left_over_kb", "wall_s", "start_s")
STEADY_PREFIX = "cost."
MOST_STEADY, MOST_POINTS = 3000, 150


History = Iterable[tuple[Series, Drift]]


def judged_series(judged: History) -> dict[str, Any]:
    """Give the series to be shown and of how many they are; texts stand once in ``words``, points name their index."""
    every = [(series, drift) for series, drift in judged if series.points]
    changed = [pair for pair in every if pair[1].kind in ORDER]
    steady = [pair for pair in every if pair[1].kind not in ORDER and _kept(pair[0])]
    # newest first, then by kind; sorting keeps the order of what is alike
    changed.sort(key=lambda pair: pair[1].first_bad.at if pair[1].first_bad else "", reverse=True)
    changed.sort(key=lambda pair: (ORDER[pair[1].kind], not pair[1].stable))
    words: dict[str, int] = {}
    return {
        "of": len(every),
        "kinds": _counts([drift.kind for _, drift in every]),
        "series": [_series(series, drift, words) for series, drift in (*changed, *steady[:MOST_STEADY])],
        "words": list(words),
    }


def _kept(series: Series) -> bool:
    metric = series.key.metric
    return metric.startswith(STEADY_PREFIX) or metric in STEADY or metric.partition(".")[2] in STEADY


def _series(series: Series, drift: Drift, words: dict[str, int]) -> dict[str, Any]:
    key = series.key
    cut = max(0, len(series.points) - MOST_POINTS)

    def word(text: str | None) -> int:
        return words.setdefault(text or "", len(words))

    def point(of: Point) -> list[Any]:
        version = f"{of.source_version} {(of.patchset_hash or 'no patches')[:12]}"
        return [word(of.run), word(of.at), of.value, word(of.verdict), word(version), word(of.host)]

    return {
        "scenario": key.scenario,
        "kernel": key.kernel,
        "guest": key.guest,
        "metric": key.metric,
        "kind": drift.kind,
        "reason": drift.reason,
        "was": drift.was,
        "now": drift.now,
        "good": drift.last_good and point(drift.last_good),
        "bad": drift.first_bad and point(drift.first_bad),
        "changes": [at - cut for at in drift.changes if at >= cut],
        "flakes": drift.flake_rate,
        "stable": drift.stable,
        "points": [point(of) for of in series.points[cut:]],
        "cut": cut,
    }


def _counts(kinds: Sequence[str]) -> dict[str, int]:
    return {kind: kinds.count(kind) for kind in sorted(set(kinds), key=lambda kind: (ORDER.get(kind, 2), kind))}
