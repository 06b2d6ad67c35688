# SPDX-License-Identifier: GPL-2.0-only
"""Expectations: ``after.vmpte_kb <= 0.1 * peak.vmpte_kb``. Parsed here, evaluated by judge."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, cast

from testbed.spec.metrics import check_metric

__all__ = ["Expectation", "Gap", "Op", "parse_expectation"]

Op = Literal["<=", ">=", "==", "<", ">"]
_METRIC = r"[a-z]\w*(?:\.\w+)+"
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_GRAMMAR = re.compile(
    rf"(?P<metric>{_METRIC})\s*(?P<op><=|>=|==|<|>)\s*"
    rf"(?:(?P<factor>{_NUMBER})\s*\*\s*(?P<other>{_METRIC})|(?P<value>{_NUMBER}))",
    re.ASCII,
)


@dataclass(frozen=True)
class Expectation:
    """``metric op value``, or ``metric op factor * other``: either value or factor and other are set."""

    text: str
    metric: str
    op: Op
    value: float | None
    factor: float | None
    other: str | None
    where: str


@dataclass(frozen=True)
class Gap:
    """What a kernel can't do yet: expectations that are known to fail, and why."""

    expectations: tuple[Expectation, ...]
    reason: str
    where: str


def parse_expectation(text: str, phases: Collection[str], where: str) -> Expectation:
    """Return the expectation; ValueError if it can't be read or names a metric that nobody measures."""
    text = " ".join(text.split())
    found = _GRAMMAR.fullmatch(text)
    if not found:
        raise ValueError(
            f"cannot read the expectation {text!r}; write 'METRIC OP NUMBER' or 'METRIC OP FACTOR * METRIC', "
            "METRIC like after.vmpte_kb, OP one of <= >= == < >"
        )
    for metric in filter(None, (found["metric"], found["other"])):
        check_metric(metric, phases)
    return Expectation(
        text=text,
        metric=found["metric"],
        op=cast(Op, found["op"]),
        value=_number(found["value"]),
        factor=_number(found["factor"]),
        other=found["other"],
        where=where,
    )


def _number(text: str | None) -> float | None:
    """Return a whole number as int, so that it is printed as it was written."""
    return None if text is None else float(text) if "." in text else int(text)
