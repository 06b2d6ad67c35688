# SPDX-License-Identifier: GPL-2.0-only
"""Whether an expectation holds for the numbers of a cell."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from testbed.spec import Expectation

__all__ = ["Outcome", "holds"]

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Outcome:
    """``met`` is None where a number is missing; ``text`` shows the numbers, e.g. ``after.vmpte_kb 96 <= 200``."""

    met: bool | None
    text: str


def holds(expectation: Expectation, phases: Mapping[str, Mapping[str, Any]], exit_: Mapping[str, Any]) -> Outcome:
    """Evaluate ``METRIC OP VALUE`` or ``METRIC OP FACTOR * METRIC`` on the phases' records."""
    left = _number(expectation.metric, phases, exit_)
    if left is None:
        return Outcome(None, f"{expectation.metric} was not measured")
    right, shown = expectation.value, f"{expectation.value:g}" if expectation.value is not None else ""
    if expectation.factor is not None and expectation.other is not None:
        other = _number(expectation.other, phases, exit_)
        if other is None:
            return Outcome(None, f"{expectation.other} was not measured")
        right, shown = expectation.factor * other, f"{expectation.factor:g} * {other:g} ({expectation.other})"
    if right is None:
        raise ValueError(f"{expectation.where}: an expectation without a right-hand side")
    met = OPERATORS[expectation.op](left, right)
    return Outcome(met, f"{expectation.metric} {left:g} {'' if met else 'is not '}{expectation.op} {shown}")


def _number(metric: str, phases: Mapping[str, Mapping[str, Any]], exit_: Mapping[str, Any]) -> float | None:
    head, *path = metric.split(".")
    value: Any = exit_ if head == "exit" else phases.get(head)
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
