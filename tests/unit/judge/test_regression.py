# SPDX-License-Identifier: GPL-2.0-only
"""What passes on the baseline and fails elsewhere is a regression; what fails on both is not."""

import pytest

from testbed.judge.regression import Difference, excused, suite_views

OURS, VANILLA = "ptreclaim-6.12", "vanilla-6.12"


def record(kernel: str, verdict: str, subtests=None, test="cow", attempt=1) -> dict:
    return {
        "cell": f"{kernel}/selftests/suites/mm:test={test}#{attempt}",
        "kernel": {"name": kernel},
        "guest": {"name": "selftests"},
        "scenario": {"name": "suites/mm", "params": {"test": test}, "baseline": "vanilla-*"},
        "verdict": verdict,
        "reason": "because",
        "wall_s": 1.0,
        "subtests": subtests,
    }


def differences(*records):
    (view,) = suite_views(records)
    return view.differences()


def worse(*records):
    return [(found.subtest, found.was, found.now) for found in differences(*records) if found.worse]


@pytest.mark.parametrize(
    ("was", "now", "is_worse", "is_excused"),
    [
        ("pass", "fail", True, False),
        ("pass", "crash", True, False),
        ("pass", "hang", True, False),
        ("skip", "fail", True, False),
        ("fail", "fail", False, True),
        ("fail", "crash", True, False),
        ("crash", "fail", False, True),
        ("pass", "skip", False, False),
        ("fail", "pass", False, False),
        ("error", "fail", False, False),
    ],
)
def test_verdict_beside_the_baselines(was, now, is_worse, is_excused):
    pair = record(VANILLA, was), record(OURS, now)
    assert bool(worse(*pair)) is is_worse
    assert (pair[1]["cell"] in excused(pair)) is is_excused


def test_subtest_that_is_lost_counts_though_the_test_fails_on_both():
    was, now = {"a": "ok", "b": "not ok"}, {"a": "not ok", "b": "not ok"}
    pair = record(VANILLA, "fail", was), record(OURS, "fail", now)
    assert worse(*pair) == [("a", "ok", "not ok")]
    assert excused(pair) == {pair[0]["cell"]}


def test_subtest_that_a_failed_test_did_not_come_to_counts():
    pair = record(VANILLA, "fail", {"a": "not ok", "b": "ok"}), record(OURS, "fail", {"a": "not ok"})
    assert worse(*pair) == [("b", "ok", "not told")]


def test_skipped_or_new_subtests_of_a_test_that_passes_are_told_and_no_regression():
    pair = record(VANILLA, "pass", {"a": "ok", "b": "ok"}), record(OURS, "pass", {"a": "skip", "c": "ok", "b": "ok"})
    assert differences(*pair) == [
        Difference("cow", "a", OURS, "ok", "skip", False),
        Difference("cow", "c", OURS, "not told", "ok", False),
    ]


def test_name_that_differs_from_run_to_run_is_found_by_its_place():
    pair = (
        record(VANILLA, "pass", {"a": "ok", "took 17 ms": "ok"}),
        record(OURS, "pass", {"a": "ok", "took 9 ms": "ok"}),
    )
    assert differences(*pair) == []
    worse_pair = record(VANILLA, "pass", {"took 17 ms": "ok"}), record(OURS, "fail", {"took 9 ms": "not ok"})
    assert worse(*worse_pair) == [(None, "pass", "fail"), ("took 17 ms", "ok", "not ok")]


def test_test_that_is_unsteady_on_the_baseline_proves_nothing():
    unsteady = record(VANILLA, "pass", {"a": "ok"}), record(VANILLA, "fail", {"a": "not ok"}, attempt=2)
    ours = record(OURS, "fail", {"a": "not ok"}), record(OURS, "pass", {"a": "ok"}, attempt=2)
    assert worse(*unsteady, *ours) == []
    assert worse(*(record(VANILLA, "pass", {"a": "ok"}, attempt=number) for number in (1, 2)), *ours) == [
        (None, "pass", "fail"),
        ("a", "ok", "not ok"),
    ]


def test_order_of_the_kernels_does_not_matter():
    assert worse(record(OURS, "fail"), record(VANILLA, "pass")) == [(None, "pass", "fail")]


def test_failure_of_a_kernel_that_ran_alone_or_without_a_baseline_is_not_excused():
    assert excused([record(VANILLA, "fail")]) == frozenset()
    assert excused([record(OURS, "fail"), record("mainline-7.3", "fail")]) == frozenset()


def test_failure_of_the_baseline_itself_is_excused_beside_another_kernel():
    pair = record(VANILLA, "fail"), record(OURS, "pass")
    assert excused(pair) == {pair[0]["cell"]}


def test_records_of_scenarios_are_in_no_suite():
    assert suite_views([{"cell": "x", "scenario": {"name": "benign/x", "params": {}}, "verdict": "fail"}]) == []
