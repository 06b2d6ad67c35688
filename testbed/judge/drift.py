# SPDX-License-Identifier: GPL-2.0-only
"""Is a number of a cell still what it was? Each kind of metric is judged by a method that fits it.

=============== ======================================= ===============================================================
method          metrics                                 a regression is
=============== ======================================= ===============================================================
``exact``       tables left over, kB held, of a phase   above the band of the nights since the last change, and a slack
``instructions`` ``cost.OPERATION``                     1.2 % above the band of those nights
``times``       ``wall_s``, ``start_s``                 five nights slower than twelve before, on one kind of host
``ranks``       as ``exact``, of threads that race      five nights with more than twelve before
``verdict``     :data:`~testbed.judge.trend.VERDICT`    not passing, unless the cell is known to be flaky
=============== ======================================= ===============================================================
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from testbed.judge.between import between
from testbed.judge.flakes import BAD, GOOD, flakiness
from testbed.judge.levels import Level, Slack, walk
from testbed.judge.measured import COST, TIMES
from testbed.judge.nights import Night, median, most, nights
from testbed.judge.reason import number, share, shown_band, since, verdict_reason
from testbed.judge.streak import streak
from testbed.judge.times import NEWEST, REFERENCE, shift
from testbed.judge.trend import VERDICT, Point, Series, SeriesKey

__all__ = [
    "IMPROVEMENT",
    "INCOMPARABLE",
    "NEW",
    "REGRESSION",
    "SAME",
    "Drift",
    "judge_all",
    "judge_series",
    "judged",
    "least_effect",
]

REGRESSION, IMPROVEMENT, SAME, NEW, INCOMPARABLE = "regression", "improvement", "same", "new", "incomparable"

# What is not here is shown and not judged: what a workload needs is the workload's affair, slab and RSS swing with
# whatever else a guest does. Slacks in tables and kB are twice what 223 unchanged cells differed by at most (where a
# random address lies in a table or astride two), in cells whose threads do not race; the share is for workloads that go
# on until their cgroup is full: from build to build they come 0.8 % further, or less far.
COUNTS = {
    **{f"left_over.{level}": Slack(6, 0.01) for level in ("pte", "pmd", "pud", "p4d")},
    "left_over_file": Slack(6, 0.01),
    "left_over_kb": Slack(40, 0.01),
    "vmpte_kb": Slack(40, 0.01),
    "cgroup_pagetables_kb": Slack(40, 0.01),
    "nr_page_table_pages": Slack(8, 0.01),
    "percpu_kb": Slack(40, 0.01),
    "stale_entries": Slack(),
}
#: Before its workload has done anything a phase tells nothing of it.
UNTOUCHED = "start"
# The lower of two boots repeats to 2e-3 at worst, most to 2e-4; a regression of 2 % stands out.
INSTRUCTIONS = Slack(relative=0.012)
# The end of a large process has three costs, 1.5 % apart, and a boot has one or another of them in most of its batches.
UNEVEN = {f"{COST}exit-big": Slack(relative=0.035)}
#: Scenarios whose threads race on purpose: what they leave is a matter of luck, in one night of ten a hundredfold.
RACING = "stress/"
# Verdicts of cells whose numbers count: one that failed by its own numbers has whole ones, but took another time.
TIMED, COUNTED = GOOD, (*GOOD, BAD[0])
# Points are held against each other where this is the same for both: tables are tables on any host.
ALIKE: Mapping[str, Callable[[Point], object]] = {
    "exact": lambda point: None,
    "instructions": lambda point: point.accel,
    "times": lambda point: (point.host, point.accel),
    "ranks": lambda point: point.accel,
}
APART = {"exact": "", "ranks": "accelerator", "instructions": "accelerator", "times": "kind of host or accelerator"}


@dataclass(frozen=True)
class Drift:
    """How a series stands at its newest run.

    ``kind`` is ``regression``, ``improvement``, ``same``, ``new`` (nothing to hold it against yet) or ``incomparable``;
    ``reason`` is a line for a person. A regression stays one in the runs after ``first_bad`` until it is gone. ``was``
    and ``now`` are in the metric's unit. ``changes`` are indices of points with which a level begins.
    """

    key: SeriesKey
    kind: str
    method: str
    reason: str
    last_good: Point | None
    first_bad: Point | None
    was: float | None
    now: float | None
    changes: tuple[int, ...]
    flake_rate: float
    stable: bool


def method_of(metric: str, scenario: str = "") -> str | None:
    """Give the method by which a metric of a scenario is judged; None for one that is not."""
    if metric == VERDICT:
        return "verdict"
    if metric in TIMES:
        return "times"
    if metric.startswith(COST):
        return "instructions"
    phase, _, name = metric.partition(".")
    if name not in COUNTS or phase == UNTOUCHED:
        return None
    return "ranks" if scenario.startswith(RACING) else "exact"


def judged(metric: str) -> bool:
    """Tell whether a metric is judged at all; the others are only shown."""
    return method_of(metric) is not None


def least_effect(key: SeriesKey) -> float:
    """Give what medians of a noisy metric must differ by at least, in its own unit: as much as a quiet one may."""
    return 0.0 if key.metric in TIMES else _count_slack(key.metric).absolute


def judge_all(series: Iterable[Series], run: str) -> list[Drift]:
    """Judge what a run added: each judged series that has a point of it, as it stood then."""
    return [
        judge_series(Series(each.key, each.points[: 1 + max(ours)]))
        for each in series
        if judged(each.key.metric) and (ours := [at for at, point in enumerate(each.points) if point.run == run])
    ]


def judge_series(series: Series) -> Drift:
    """Judge the newest run of a series by what came before; ValueError for no points or a metric not judged."""
    method = method_of(series.key.metric, series.key.scenario)
    if method is None or not series.points:
        raise ValueError(f"{series.key.metric}: not judged, or of no run")
    trust = flakiness(series.points)
    blank = Drift(series.key, SAME, method, "", None, None, None, None, (), trust.rate, trust.stable)
    if method == "verdict":
        return _verdict(blank, series.points)
    newest, good = series.points[-1], TIMED if method == "times" else COUNTED
    if not any(point.verdict in good for point in series.points if point.run == newest.run):
        return _incomparable(blank, f"the cell ended as {newest.verdict}, which leaves no number to judge")
    if method == "times" and not newest.host:
        return _incomparable(blank, "it is not told on which host this was, so it is held against none")
    alike = ALIKE[method]
    told = nights(
        series.points,
        lambda point: point.verdict in good and alike(point) == alike(newest),
        most if method == "exact" else median,
    )
    apart = {point.run for point in series.points if point.verdict in good and alike(point) != alike(newest)}
    if len(told) == 1 and apart:
        return _incomparable(blank, f"all {len(apart)} earlier runs were on another {APART[method]}", told[0].value)
    return _ranked(blank, told) if method in ("times", "ranks") else _numbers(blank, told)


def _numbers(blank: Drift, told: Sequence[Night]) -> Drift:
    """Judge counts and instructions: where they stand among the levels that the nights went through."""
    metric, newest = blank.key.metric, told[-1]
    if len(told) == 1:
        return _new(blank, newest.value, len(told), 2)
    slack = UNEVEN.get(metric, INSTRUCTIONS) if blank.method == "instructions" else _count_slack(metric)
    now = walk(
        [night.value for night in told],
        [night.point.kernel_key for night in told],
        [night.point.guest_key for night in told],
        slack,
    )
    drift = replace(blank, now=newest.value, changes=tuple(told[at].index for at in sorted(set(now.changes))))
    value, before = number(metric, newest.value), told[-2]
    if now.incomparable == len(told) - 1:
        why = f"{value}, was {number(metric, before.value)}; the guest changed and the kernel did not, it starts anew"
        return replace(drift, kind=INCOMPARABLE, was=before.value, reason=f"{metric} {why}")
    risen = len(now.levels) > 1
    level = now.levels[-2] if risen else now.levels[0]
    low, high = level.band
    was = f"{metric} {value}, was {shown_band(metric, low, high)} in {_runs(level)}"
    if risen:
        last_good, first_bad = (told[now.levels[-1].since - back].point for back in (1, 0))
        reason = f"{was}{share(high, newest.value)}; {since(last_good, first_bad)}"
        return replace(drift, kind=REGRESSION, reason=reason, last_good=last_good, first_bad=first_bad, was=high)
    if now.better is not None:
        began = now.better.since
        changed = between(told[began - 1].point, told[began].point)
        reason = f"{was}{share(low, newest.value)}; better since {told[began].point.run}; between: {changed}"
        return replace(drift, kind=IMPROVEMENT, reason=reason, last_good=newest.point, was=low)
    reason = f"{metric} {value}, as usual: {shown_band(metric, low, high)} in {_runs(level)}"
    return replace(drift, reason=reason, last_good=newest.point, was=before.value)


def _count_slack(metric: str) -> Slack:
    return COUNTS[metric.partition(".")[2]]


def _ranked(blank: Drift, told: Sequence[Night]) -> Drift:
    """Judge what is noisy: seconds, and what threads that race have left."""
    metric, newest = blank.key.metric, told[-1]
    if len(told) < NEWEST + REFERENCE:
        return _new(blank, newest.value, len(told), NEWEST + REFERENCE)
    found = shift([night.value for night in told], least_effect(blank.key))
    changes = tuple(told[at].index for at in found.changes)
    drift = replace(blank, now=found.now, was=found.was, changes=changes)
    medians = f"{metric} {number(metric, found.now)} in {NEWEST} runs, was {number(metric, found.was)}"
    if found.began is None:
        return replace(drift, reason=f"{medians}: no more than chance", last_good=newest.point)
    last_good, first_bad = told[found.began - 1].point, told[found.began].point
    reason = f"{medians}{share(found.was, found.now)}; "
    if found.now < found.was:
        changed = f"better since {first_bad.run}; between: {between(last_good, first_bad)}"
        return replace(drift, kind=IMPROVEMENT, reason=reason + changed, last_good=newest.point)
    reason += since(last_good, first_bad)
    return replace(drift, kind=REGRESSION, reason=reason, last_good=last_good, first_bad=first_bad)


def _verdict(blank: Drift, points: Sequence[Point]) -> Drift:
    found = streak(points)
    return replace(
        blank,
        kind=found.kind,
        reason=verdict_reason(found),
        last_good=found.last_good,
        first_bad=found.first_bad,
        changes=found.changes,
    )


def _incomparable(blank: Drift, why: str, now: float | None = None) -> Drift:
    return replace(blank, kind=INCOMPARABLE, reason=f"{blank.key.metric}: {why}", now=now)


def _new(blank: Drift, now: float, runs: int, needed: int) -> Drift:
    told = f"{blank.key.metric} {number(blank.key.metric, now)}: run {runs} of {needed} that it takes to judge it"
    return replace(blank, kind=NEW, reason=told, now=now)


def _runs(level: Level) -> str:
    return f"{level.nights} run{'s' if level.nights > 1 else ''}"
