# SPDX-License-Identifier: GPL-2.0-only
"""Series and runs for tests: a night a value, with what ran in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.judge.drift import Drift, judge_series
from testbed.judge.trend import VERDICT, Point, Series, SeriesKey

SCENARIO = "benign/dontneed-loop"


def point(night: int, value: float | None, **changed: Any) -> Point:
    told = {
        "run": f"run-{night:03}",
        "at": f"2026-11-{night:03}",
        "cell": "ptreclaim-6.12/minimal/benign/dontneed-loop#1",
        "verdict": "pass",
        "kernel_key": "k" * 12,
        "patchset_hash": "a" * 64,
        "source_version": "6.12.117-1",
        "guest_key": "g" * 12,
        "host": "here",
        "accel": "tcg",
    }
    return Point(value=value, **{**told, **changed})


def series(metric: str, points: Sequence[Point], scenario: str = SCENARIO) -> Series:
    return Series.of(SeriesKey(scenario, "ptreclaim-6.12", "minimal", metric), points)


def drift(metric: str, values: Sequence[float], scenario: str = SCENARIO, **newest: Any) -> Drift:
    """Judge values, one a night; ``newest`` is what is special of the last one."""
    last = len(values) - 1
    points = [point(night, value, **(newest if night == last else {})) for night, value in enumerate(values)]
    return judge_series(series(metric, points, scenario))


def nightly(metric: str, values: Sequence[float], scenario: str = SCENARIO) -> list[Drift]:
    """Judge each night, with another kernel in each: nothing is excused by an unchanged one."""
    points = [point(night, value, kernel_key=f"k{night}") for night, value in enumerate(values)]
    return [judge_series(series(metric, points[: night + 1], scenario)) for night in range(len(points))]


def verdicts(*words: str, kernels: Sequence[str] = (), **newest: Any) -> Drift:
    """Judge verdicts, one a night; ``kernels`` are the keys of what ran, one and the same if not told."""
    keys = kernels or ["k"] * len(words)
    last = len(words) - 1
    points = [
        point(night, None, **{"verdict": word, "kernel_key": key, **(newest if night == last else {})})
        for night, (word, key) in enumerate(zip(words, keys, strict=True))
    ]
    return judge_series(series(VERDICT, points))


def header(run: str, kernels: Mapping[str, Mapping[str, Any]] | None = None, **changed: Any) -> dict[str, Any]:
    """The ``run.json`` of a run."""
    known = {"ptreclaim-6.12": {"key": "k1", "patchset_hash": "a" * 64, "source_version": "6.12.117-1"}}
    return {
        "schema": 1,
        "run": run,
        "tool": "0.1.0",
        "host": {"id": "h1", "name": "here"},
        "accel": {"kind": "tcg"},
        "kernels": {**known, **(kernels or {})},
        "guests": {"minimal": {"key": "g1"}},
        **changed,
    }


def record(run: str, scenario: str = SCENARIO, attempt: int = 1, left_over: int = 0, **changed: Any) -> dict[str, Any]:
    """One line of ``results.jsonl``, of a cell on ptreclaim that left so many PTE tables over."""
    kernel = {"name": "ptreclaim-6.12", "patchset_hash": "a" * 64, "source_version": "6.12.117-1"}
    return {
        "schema": 1,
        "run": run,
        "cell": f"ptreclaim-6.12/minimal/{scenario}#{attempt}",
        "kernel": kernel,
        "guest": {"name": "minimal", "vcpus": 1, "memory_mib": 1024, "levels": 4},
        "scenario": {"name": scenario, "kind": scenario.partition("/")[0], "params": {}},
        "accel": {"kind": "tcg", "reason": "asked for"},
        "verdict": "pass",
        "reason": "",
        "wall_s": 3.0,
        "start_s": 1.5,
        "exit": {"status": 0, "signal": None, "oom_kill": 0},
        "phases": {"after": {"vmpte_kb": 108 + 4 * left_over, "left_over": {"pte": left_over}}},
        "values": {},
        "crash": None,
        "host": {"id": "h1", "name": "here"},
        **changed,
    }
