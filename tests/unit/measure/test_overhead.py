# SPDX-License-Identifier: GPL-2.0-only
import re
from pathlib import Path

import pytest

from testbed.errors import MeasureError
from testbed.measure.overhead import OPERATIONS, Batch, cost, read_batches

WORKLOAD = Path(__file__).parents[3] / "guests" / "workloads" / "overhead.c"
CLOCK = [("clock/iterations", 10_000), ("clock/instructions", 20_000)]
TWO_BATCHES = [
    ("fault/timed", 6000),
    ("fault/deferred", 0),
    ("fault/ops", 1),
    ("fault/timed", 12_100),
    ("fault/deferred", 100),
    ("fault/ops", 2),
]


def test_values_of_several_batches_are_sorted_by_operation_in_the_order_they_came():
    assert read_batches(CLOCK + TWO_BATCHES) == {"fault": (Batch(6000, 0, 1), Batch(12_100, 100, 2))}


def test_what_an_operation_costs_has_in_it_what_it_puts_off():
    assert Batch(timed=900, deferred=60, ops=10, reclaim=40).instructions == 100


@pytest.mark.parametrize("instructions", [19_999, 20_001, 4_000_000])
def test_clock_that_counts_anything_but_instructions_is_an_error(instructions):
    clock = [("clock/iterations", 10_000), ("clock/instructions", instructions)]
    with pytest.raises(MeasureError, match=f"does not count instructions: {instructions:,} for a loop of 20,000"):
        read_batches(clock + TWO_BATCHES)


def test_clock_that_was_never_checked_is_not_believed():
    with pytest.raises(MeasureError, match="did not tell how its clock counts"):
        read_batches(TWO_BATCHES)


def test_values_that_are_not_whole_are_an_error():
    with pytest.raises(MeasureError, match=r"fault: .* not whole \(2 x timed, 2 x deferred, 1 x ops\)"):
        read_batches(CLOCK + TWO_BATCHES[:-1])
    with pytest.raises(MeasureError, match="a batch of no operation"):
        read_batches([*CLOCK, ("fault/timed", 1), ("fault/deferred", 0), ("fault/ops", 0)])
    with pytest.raises(MeasureError, match="keys are like fault/timed"):
        read_batches([*CLOCK, ("fault", 1)])


def test_one_batch_that_was_disturbed_does_not_move_the_cost():
    quiet = {"fault": (Batch(100, 0, 1), Batch(100, 0, 1), Batch(100, 0, 1))}
    disturbed = {"fault": (Batch(100, 0, 1), Batch(9000, 0, 1), Batch(100, 0, 1))}
    found = cost("fault", [quiet, disturbed])
    assert (found.instructions, found.repeat_error) == (100, 0)
    assert found.samples[1] == (100, 9000, 100)


def test_repeat_error_is_how_far_the_boots_lie_apart():
    found = cost("fault", [{"fault": (Batch(99, 0, 1),)}, {"fault": (Batch(101, 0, 1),)}])
    assert found.instructions == 100
    assert found.repeat_error == pytest.approx(0.02)


def test_pass_and_kept_tables_are_told_apart():
    told = {"timed": 60, "deferred": 0, "ops": 2, "pass": 40, "kept": 16}
    boot = read_batches([*CLOCK, *((f"cycle-1/{what}", value) for what, value in told.items())])
    found = cost("cycle-1", [boot])
    assert (found.instructions, found.reclaim, found.kept) == (50, 20, 16)


def test_operation_that_a_boot_lacks_is_an_error():
    with pytest.raises(MeasureError, match="fault: not measured in every boot"):
        cost("fault", [{"fault": (Batch(1, 0, 1),)}, {}])


def test_host_and_workload_know_the_same_operations_in_the_same_order():
    assert tuple(re.findall(r'^\t\{ "([\w-]+)", op_\w+ \},$', WORKLOAD.read_text(), re.M)) == OPERATIONS
