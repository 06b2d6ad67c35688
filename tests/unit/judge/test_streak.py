# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts over many nights: since when a cell fails, and what a failure of a flaky one weighs."""

import pytest
from historic import point, verdicts

from testbed.judge.drift import judge_series
from testbed.judge.flakes import STABLE_AFTER, flakiness
from testbed.judge.trend import VERDICT, Series, SeriesKey

PASSES = ("pass",) * STABLE_AFTER


@pytest.mark.parametrize("bad", ["fail", "crash", "hang"])
def test_first_failure_is_a_regression_and_names_both_runs(bad: str) -> None:
    found = verdicts("pass", "pass", bad, patchset_hash="b" * 64, kernel_key="n")
    assert found.kind == "regression"
    assert found.reason == (
        f"{bad} since run-002 (last pass run-001, first {bad} run-002);"
        " between: patches aaaaaaaa→bbbbbbbb, source unchanged"
    )


def test_failing_for_many_nights_is_told_since_the_first() -> None:
    found = verdicts(*PASSES, *("fail",) * 60)
    assert found.kind == "regression"
    assert found.first_bad and found.first_bad.run == f"run-{STABLE_AFTER:03}"
    assert found.last_good and found.last_good.run == f"run-{STABLE_AFTER - 1:03}"
    assert found.changes == (STABLE_AFTER,)
    assert f"it was stable, {STABLE_AFTER} passes in a row" in found.reason


def test_crash_after_failures_says_how_it_began() -> None:
    assert verdicts("pass", "fail", "crash").reason.startswith("crash, at first fail, since run-001")


def test_cell_that_never_passed_is_no_regression() -> None:
    found = verdicts("fail", "fail", "fail")
    assert (found.kind, found.last_good) == ("same", None)
    assert "never passed" in found.reason


def test_cell_that_never_passed_and_now_crashes_is_a_regression() -> None:
    assert verdicts("fail", "fail", "crash").kind == "regression"


@pytest.mark.parametrize("fine", ["gap", "done"])
def test_known_gaps_and_measurements_are_as_expected(fine: str) -> None:
    assert verdicts("pass", fine).kind == "same"
    assert verdicts(fine, "fail").kind == "regression"


@pytest.mark.parametrize("silent", ["skip", "error"])
def test_what_says_nothing_of_the_kernel_neither_ends_nor_begins_a_streak(silent: str) -> None:
    assert verdicts("pass", silent).kind == "incomparable"
    found = verdicts("pass", "fail", silent, "fail", kernels=["a", "b", "b", "b"])
    assert found.first_bad and found.first_bad.run == "run-001"


def test_mended_by_another_kernel_is_an_improvement() -> None:
    assert verdicts("pass", "fail", "pass", kernels=["a", "b", "c"]).kind == "improvement"


def test_passing_again_with_the_same_kernel_is_luck() -> None:
    assert verdicts("pass", "fail", "pass").kind == "same"


def test_flake_of_a_stable_cell_is_worth_a_word() -> None:
    assert verdicts(*PASSES, "flake").kind == "regression"


def test_flake_of_a_flaky_cell_is_not() -> None:
    found = verdicts("pass", "flake", "pass", "pass", "flake")
    assert found.kind == "same"
    assert "known to be flaky: 25 %" in found.reason


def test_single_failure_of_a_flaky_cell_is_left_in_peace_until_it_lasts() -> None:
    past = ("pass", "flake", "pass", "pass", "pass", "flake", "pass", "pass")
    kinds = [verdicts(*past, *("fail",) * nights).kind for nights in range(1, 6)]
    assert kinds == ["same", "same", "same", "regression", "regression"]


def test_flaky_cell_that_became_stable_is_trusted_again() -> None:
    assert verdicts("pass", "flake", *PASSES, "fail").kind == "regression"


def test_failures_that_another_kernel_explains_are_no_flakes() -> None:
    points = [
        point(night, None, verdict=verdict, kernel_key=key)
        for night, (verdict, key) in enumerate([("pass", "a"), ("fail", "b"), ("fail", "b"), ("pass", "c")])
    ]
    assert flakiness(points).rate == 0
    assert flakiness([*points, point(9, None, verdict="fail", kernel_key="c")]).rate == pytest.approx(1 / 5)


def test_cell_is_stable_after_so_many_passes_in_a_row() -> None:
    points = [point(night, None) for night in range(STABLE_AFTER)]
    assert flakiness(points).stable
    assert not flakiness(points[1:]).stable
    assert flakiness([*points, point(99, None, verdict="skip")]).passes_in_a_row == STABLE_AFTER
    assert not flakiness([*points, point(99, None, verdict="flake")]).stable


def test_one_bad_repeat_makes_a_bad_night() -> None:
    key = SeriesKey("s", "k", "g", VERDICT)
    repeats = [point(1, None, cell="c#1"), point(1, None, cell="c#2", verdict="fail"), point(1, None, cell="c#3")]
    found = judge_series(Series.of(key, [point(0, None), *repeats]))
    assert found.kind == "regression"
