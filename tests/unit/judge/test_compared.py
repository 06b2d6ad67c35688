# SPDX-License-Identifier: GPL-2.0-only
"""Two runs beside each other: what of the second is worse, and what can't be compared."""

from typing import Any

from historic import header, record

from testbed.judge.compared import Compared, compare

A, B = "20261123T010000Z", "20261124T010000Z"
PATCHED = {"ptreclaim-6.12": {"key": "k2", "patchset_hash": "b" * 64, "source_version": "6.12.117-1"}}


def side(run: str, *records: dict[str, Any], **changed: Any) -> Any:
    return header(run, **changed), records


def one(was: dict[str, Any], now: dict[str, Any], **changed: Any) -> Compared:
    (found,) = compare(side(A, was), side(B, now, **changed))
    return found


def test_equal_runs_have_only_cells_that_are_the_same() -> None:
    found = one(record(A), record(B))
    assert (found.kind, found.was, found.now, found.metrics) == ("same", "pass", "pass", ())


def test_leak_is_a_regression_in_each_number_that_tells_of_it() -> None:
    found = one(record(A), record(B, left_over=512), kernels=PATCHED)
    assert found.kind == "regression"
    assert {metric.key.metric: metric.kind for metric in found.metrics} == {
        "after.left_over.pte": "regression",
        "after.vmpte_kb": "regression",
    }


def test_order_is_that_of_the_command_line_not_of_the_dates() -> None:
    (found,) = compare(side(B, record(B, left_over=512)), side(A, record(A)))
    assert found.kind == "improvement"


def test_a_table_more_or_less_is_shown_and_the_same() -> None:
    found = one(record(A), record(B, left_over=1))
    assert found.kind == "same"
    assert [metric.kind for metric in found.metrics] == ["same", "same"]
    assert (found.metrics[0].was, found.metrics[0].now) == (0, 1)


def test_failure_is_a_regression_and_a_failure_that_is_gone_an_improvement() -> None:
    assert one(record(A), record(B, verdict="fail")).kind == "regression"
    assert one(record(A, verdict="fail"), record(B), kernels=PATCHED).kind == "improvement"


def test_one_slow_run_is_no_regression() -> None:
    assert one(record(A), record(B, wall_s=30.0)).metrics == ()


def test_repeats_that_are_all_slow_are_one() -> None:
    was = [record(A, attempt=number, wall_s=3 + 0.1 * number) for number in range(1, 9)]
    now = [record(B, attempt=number, wall_s=9 + 0.1 * number) for number in range(1, 9)]
    (found,) = compare(side(A, *was), side(B, *now))
    assert [(metric.key.metric, metric.kind) for metric in found.metrics] == [("wall_s", "regression")]


def test_repeats_on_another_host_are_not_compared_for_time() -> None:
    was = [record(A, attempt=number, wall_s=3 + 0.1 * number) for number in range(1, 9)]
    now = [record(B, attempt=number, wall_s=9 + 0.1 * number, host={"id": "h2"}) for number in range(1, 9)]
    (found,) = compare(side(A, *was), side(B, *now))
    assert found.metrics == ()


def test_numbers_of_another_guest_memory_are_incomparable_and_say_why() -> None:
    larger = {"name": "minimal", "vcpus": 1, "memory_mib": 2048, "levels": 4}
    found = one(record(A), record(B, left_over=512, guest=larger))
    assert (found.kind, found.metrics) == ("incomparable", ())
    assert found.unlike == "another guest: memory_mib 1024→2048"


def test_numbers_of_other_parameters_are_incomparable_and_verdicts_are_not() -> None:
    spec = {"name": "benign/dontneed-loop", "kind": "benign", "params": {"span_mib": 64}}
    found = one(record(A), record(B, left_over=512) | {"scenario": spec})
    assert found.unlike == "other parameters: span_mib None→64"
    assert found.verdict and found.verdict.kind == "same"


def test_cell_of_one_run_alone_has_no_judgement() -> None:
    found = compare(side(A, record(A)), side(B, record(B, scenario="benign/hole-punch")))
    assert [(cell.was, cell.now, cell.verdict) for cell in found] == [("pass", None, None), (None, "pass", None)]


def test_skipped_in_both_is_the_same() -> None:
    gone = {"verdict": "skip", "phases": {}, "start_s": None}
    assert one(record(A, **gone), record(B, **gone)).kind == "same"
    assert one(record(A), record(B, **gone)).kind == "incomparable"


def test_subtest_that_no_longer_passes_is_a_regression() -> None:
    found = one(
        record(A, verdict="fail", subtests={"one": "ok", "two": "not ok"}),
        record(B, verdict="fail", subtests={"one": "not ok", "two": "not ok"}),
    )
    assert found.kind == "regression"
    assert [(each.subtest, each.worse) for each in found.subtests] == [("one", True)]
