# SPDX-License-Identifier: GPL-2.0-only
"""Numbers against their history: what is found, since when, and what is left in peace."""

import math
import random

import pytest
from historic import drift, nightly, point, series

from testbed.judge.drift import Drift, judge_all, judge_series, judged

LEFT = "after.left_over.pte"
NEW_KERNEL = {"kernel_key": "n" * 12, "patchset_hash": "b" * 64}


def test_leak_is_found_the_first_night_and_says_between_what() -> None:
    found = drift(LEFT, [0, 8, 0, 512], **NEW_KERNEL)
    assert found.kind == "regression"
    assert (found.was, found.now) == (8, 512)
    assert found.last_good and found.last_good.run == "run-002"
    assert found.first_bad and found.first_bad.run == "run-003"
    assert found.reason.startswith("after.left_over.pte 512, was 0 to 8 in 3 runs")
    assert "first bad run-003, last good run-002; between: patches aaaaaaaa→bbbbbbbb, source unchanged" in found.reason
    assert found.changes == (3,)


def test_one_earlier_night_is_enough_for_a_leak() -> None:
    assert drift(LEFT, [12, 300], **NEW_KERNEL).kind == "regression"


def test_a_few_tables_more_are_where_a_random_address_lay() -> None:
    assert drift(LEFT, [0, 3]).kind == "same"


def test_regression_stays_open_with_its_first_bad_night() -> None:
    found = nightly(LEFT, [0, 0, 512, 510, 512])[-1]
    assert found.kind == "regression"
    assert found.first_bad and found.first_bad.run == "run-002"
    assert found.last_good and found.last_good.run == "run-001"


def test_regression_is_over_once_the_number_is_back() -> None:
    found = nightly(LEFT, [0, 0, 512, 512, 0])[-1]
    assert found.kind == "same"
    assert found.changes == (2, 4)


def test_same_leak_is_found_again_after_it_was_mended() -> None:
    found = nightly(LEFT, [0, 0, 512, 512, 0, 0, 512])[-1]
    assert found.kind == "regression"
    assert found.first_bad and found.first_bad.run == "run-006"


def test_half_a_leak_mended_is_bad_since_it_was_a_whole_one() -> None:
    found = nightly(LEFT, [0, 0, 512, 512, 256])[-1]
    assert found.kind == "regression"
    assert found.first_bad and found.first_bad.run == "run-002"


def test_leak_on_top_of_a_leak_is_news() -> None:
    found = nightly(LEFT, [0, 0, 512, 512, 4096])[-1]
    assert found.first_bad and found.first_bad.run == "run-004"
    assert found.was == 512


def test_number_that_swings_with_one_kernel_is_not_told_again() -> None:
    swings = [0, 0, 512, 0, 0, 512]
    assert [judged_night.kind for judged_night in _same_kernel(swings)] == [
        "new",
        "same",
        "regression",
        "same",
        "same",
        "same",
    ]


def test_creep_is_found_once_it_has_left_the_band() -> None:
    kinds = [found.kind for found in nightly(LEFT, [2.0 * night for night in range(20)])]
    assert "regression" in kinds


def test_less_left_over_is_an_improvement_and_then_the_norm() -> None:
    values = [512, 512, 0, 0, 0, 0, 512]
    kinds = [found.kind for found in nightly(LEFT, values)]
    assert kinds == ["new", "same", "improvement", "improvement", "same", "same", "regression"]


def test_worse_level_of_a_month_is_the_norm() -> None:
    assert nightly(LEFT, [0, 0] + [512] * 29)[-1].kind == "regression"
    assert nightly(LEFT, [0, 0] + [512] * 30)[-1].kind == "same"


def test_other_workload_on_the_same_kernel_is_incomparable() -> None:
    found = drift(LEFT, [0, 0, 512], guest_key="another")
    assert found.kind == "incomparable"
    assert "the guest changed and the kernel did not" in found.reason


def test_kernel_that_changed_with_the_guest_is_not_excused() -> None:
    found = drift(LEFT, [0, 0, 512], guest_key="another", **NEW_KERNEL)
    assert found.kind == "regression"
    assert "guest gggggggg→another" in found.reason


def test_tables_are_tables_on_any_host() -> None:
    assert drift(LEFT, [0, 512], host="there", accel="kvm", **NEW_KERNEL).kind == "regression"


def test_numbers_of_a_cell_that_crashed_are_not_judged() -> None:
    assert drift(LEFT, [0, 512], verdict="crash").kind == "incomparable"


def test_cell_that_failed_by_its_numbers_is_judged_by_them() -> None:
    assert drift(LEFT, [0, 512], verdict="fail", **NEW_KERNEL).kind == "regression"


def test_any_stale_entry_is_a_regression() -> None:
    assert drift("after.stale_entries", [0, 1], **NEW_KERNEL).kind == "regression"


def test_what_a_race_left_is_judged_over_several_nights() -> None:
    luck = [412.0, 2472, 511, 343, 1000, 30, 700, 2000, 55, 60, 400, 500]
    found = nightly(LEFT, [*luck, 9000, *luck[:5], 60000, 61000, 59000, 60000, 58000], "stress/race-empty")
    assert [each.kind for each in found[16:]] == ["same"] * 6 + ["regression"]
    assert found[-1].method == "ranks"
    assert found[-1].first_bad and found[-1].first_bad.run == "run-018"


def test_repeats_of_a_run_are_one_night_and_the_worst_counts() -> None:
    points = [point(0, 0), point(1, 512, cell="a#1", **NEW_KERNEL), point(1, 0, cell="a#2", **NEW_KERNEL)]
    assert judge_series(series(LEFT, points)).kind == "regression"


def test_two_percent_more_instructions_are_found_after_one_night() -> None:
    found = drift("cost.fault", [6259.3, 6259.3 * 1.02], **NEW_KERNEL)
    assert found.kind == "regression"
    assert "+2.0 %" in found.reason


def test_instructions_that_boots_differ_by_are_the_same() -> None:
    assert drift("cost.fault", [6259.3, 6259.3 * 1.003]).kind == "same"


def test_instructions_of_another_accelerator_are_incomparable() -> None:
    assert drift("cost.fault", [6259.3, 9000.0], accel="kvm").kind == "incomparable"


def test_one_slow_night_tells_nothing() -> None:
    assert drift("wall_s", [3.0] * 20 + [30.0]).kind == "same"


def test_five_slow_nights_are_a_regression_since_the_first_of_them() -> None:
    chance = random.Random(1)
    seconds = [base * math.exp(chance.gauss(0, 0.1)) for base in [3.0] * 20 + [9.0] * 5]
    found = nightly("wall_s", seconds)
    assert {each.kind for each in found[:24]} == {"new", "same"}
    assert found[-1].kind == "regression"
    assert found[-1].first_bad and found[-1].first_bad.run == "run-020"


def test_times_of_another_host_are_never_compared() -> None:
    points = [point(night, 3.0) for night in range(20)] + [point(night, 30.0, host="there") for night in range(20, 25)]
    assert judge_series(series("wall_s", points)).kind == "new"
    assert judge_series(series("wall_s", points[:21])).kind == "incomparable"


def test_time_of_an_unknown_host_is_incomparable() -> None:
    assert drift("wall_s", [3.0] * 20, host="").kind == "incomparable"


@pytest.mark.parametrize("metric", ["verdict", "wall_s", "cost.fault", LEFT, "after.vmpte_kb", "peak.vmpte_kb"])
def test_metric_is_judged(metric: str) -> None:
    assert judged(metric)


@pytest.mark.parametrize("metric", ["start.vmpte_kb", "after.needed", "after.entries.anon", "after.slab_kb"])
def test_metric_is_only_shown(metric: str) -> None:
    assert not judged(metric)
    with pytest.raises(ValueError, match="not judged"):
        drift(metric, [1.0, 2.0])


def test_run_is_judged_as_it_stood_then() -> None:
    points = [point(0, 0), point(1, 512, **NEW_KERNEL), point(2, 0)]
    told = [series(LEFT, points), series("after.needed", points), series("after.vmpte_kb", points[:1])]
    found = judge_all(told, "run-001")
    assert [(each.key.metric, each.kind) for each in found] == [(LEFT, "regression")]


def _same_kernel(values: list[float]) -> list[Drift]:
    return [drift(LEFT, values[: night + 1]) for night in range(len(values))]
