# SPDX-License-Identifier: GPL-2.0-only
from pathlib import Path

import pytest

from testbed.errors import SpecError
from testbed.run.benchoverhead import bench_overhead, missed
from testbed.spec import GuestSpec, resolve_kernel

ROOT = Path(__file__).parents[3]
ONE = GuestSpec("one", 1 << 30, 1, 4, (), "guests/one.yaml:1")
TWO = GuestSpec("two", 1 << 30, 2, 4, (), "guests/two.yaml:1")


def nothing_starts(step: str, what: str) -> None:
    raise AssertionError(f"{step}: {what}")


def test_operation_that_nobody_knows_is_refused_before_anything_starts():
    with pytest.raises(SpecError, match="'falt' is no operation; known: fault, fault-table, "):
        bench_overhead(ROOT, [resolve_kernel(ROOT, "vanilla-6.12")], ONE, nothing_starts, ["falt"])


def test_instructions_are_counted_in_a_guest_with_one_vcpu_alone():
    with pytest.raises(SpecError, match="guest two has 2 vCPUs"):
        bench_overhead(ROOT, [resolve_kernel(ROOT, "vanilla-6.12")], TWO, nothing_starts)


@pytest.mark.parametrize(
    ("withins", "answer"), [([None, True], False), ([True, False, None], True), ([None, None], False)]
)
def test_budget_is_missed_only_where_there_is_one(withins, answer):
    assert missed([{"within": within} for within in withins]) is answer
