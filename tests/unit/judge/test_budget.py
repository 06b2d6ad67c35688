# SPDX-License-Identifier: GPL-2.0-only
import pytest

from testbed.judge.budget import BUDGETS, within_budget
from testbed.measure.overhead import OPERATIONS


@pytest.mark.parametrize(
    ("operation", "ratio", "within"),
    [
        ("fault", 1.0049, True),
        ("fault", 1.0051, False),
        ("fault", 0.9, True),
        ("cycle-64", 1.0999, True),
        ("cycle-64", 1.92, False),
    ],
)
def test_cost_beyond_the_budget_is_over_and_a_gain_never_is(operation, ratio, within):
    assert within_budget(operation, ratio) is within


def test_operation_without_a_budget_is_not_judged():
    assert within_budget("exit-big", 2.0) is None


def test_every_budget_is_of_an_operation_that_is_measured():
    assert set(BUDGETS) <= set(OPERATIONS)
