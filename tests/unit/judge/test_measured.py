# SPDX-License-Identifier: GPL-2.0-only
"""What of a record goes to history, and under which name."""

from typing import Any

from testbed.judge.measured import label_of, measured, series_of
from testbed.judge.trend import VERDICT, SeriesKey

RECORD: dict[str, Any] = {
    "cell": "ptreclaim-6.12/minimal/benign/dontneed-pieces:piece=4KiB#2",
    "kernel": {"name": "ptreclaim-6.12", "patchset_hash": "aa", "source_version": "6.12.117-1"},
    "guest": {"name": "minimal"},
    "accel": {"kind": "tcg"},
    "verdict": "pass",
    "phases": {"after": {"vmpte_kb": 108, "left_over": {"pte": 12}, "agree": True, "system": {"kernel": 65}}},
    "wall_s": 3.1,
    "start_s": 2.0,
    "host": {"id": "h1"},
}


def header(run: str) -> dict[str, Any]:
    return {"run": run, "kernels": {"ptreclaim-6.12": {"key": "k"}}, "guests": {"minimal": {"key": "g"}}}


def test_label_has_parameters_and_no_attempt() -> None:
    assert label_of(RECORD) == "benign/dontneed-pieces:piece=4KiB"


def test_scales_are_kept_apart() -> None:
    full = {**RECORD, "scenario": {"name": "benign/dontneed-pieces", "scale": "full"}}
    assert label_of(full) == "benign/dontneed-pieces:piece=4KiB@full"


def test_numbers_are_named_as_in_expectations() -> None:
    assert measured(RECORD) == {"after.vmpte_kb": 108, "after.left_over.pte": 12, "wall_s": 3.1, "start_s": 2.0}


def test_cost_of_an_operation_is_in_instructions() -> None:
    bench = {**RECORD, "phases": {}, "start_s": None, "costs": {"fault": {"instructions": 6259.5, "ratio": 1.003}}}
    assert measured(bench) == {"cost.fault": 6259.5}


def test_cost_in_history_is_that_of_the_lower_boot() -> None:
    """Of boots at 990 and 1010 the bench tells the mean, and how far they lie apart as a share of it."""
    costs = {"exit-big": {"instructions": 1000.0, "repeat_error": 0.02}}
    assert measured({**RECORD, "phases": {}, "start_s": None, "costs": costs}) == {"cost.exit-big": 990.0}


def test_cell_that_did_not_run_has_only_a_verdict() -> None:
    skipped = {**RECORD, "phases": {}, "start_s": None, "verdict": "skip"}
    (series,) = series_of([(header("20261124T141421Z"), [skipped])])
    assert series.key.metric == VERDICT
    assert [(point.value, point.verdict) for point in series.points] == [(None, "skip")]


def test_points_are_sorted_by_time() -> None:
    runs = [(header("20261125T000000Z"), [RECORD]), (header("20261124T000000Z-1"), [RECORD])]
    series = {each.key: each for each in series_of(runs)}
    label = "benign/dontneed-pieces:piece=4KiB"
    found = series[SeriesKey(label, "ptreclaim-6.12", "minimal", "after.left_over.pte")]
    assert [point.run for point in found.points] == ["20261124T000000Z-1", "20261125T000000Z"]
    first = found.points[0]
    assert (first.kernel_key, first.guest_key, first.host, first.accel) == ("k", "g", "h1", "tcg")
    assert first.at == "2026-11-24T00:00:00+00:00"
