# SPDX-License-Identifier: GPL-2.0-only
"""Suites as the page shows them: tests by kernels, what differs from the baseline, and which of it is worse."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from testbed.judge.regression import SuiteView, suite_views

__all__ = ["suites"]

Record = Mapping[str, Any]


def suites(records: Sequence[Record], forgiven: Collection[str]) -> list[dict[str, Any]]:
    """Give each suite's tests (a list of attempts a kernel), differences, and what could not be compared."""
    return [_suite(view, forgiven) for view in suite_views(records)]


def _suite(view: SuiteView, forgiven: Collection[str]) -> dict[str, Any]:
    others = [kernel for kernel in view.kernels if view.baseline and kernel != view.baseline]
    return {
        "name": view.name,
        "kernels": view.kernels,
        "baseline": view.baseline,
        "differences": [asdict(difference) for difference in view.differences()],
        "passing": {kernel: len(view.passing(kernel)) for kernel in others},
        "uncompared": {kernel: view.uncompared(kernel) for kernel in others},
        "tests": [
            {
                "name": test,
                "kernels": [
                    [_attempt(record, forgiven) for record in by_kernel.get(name, ())] for name in view.kernels
                ],
            }
            for test, by_kernel in view.tests.items()
        ],
    }


def _attempt(record: Record, forgiven: Collection[str]) -> dict[str, Any]:
    outcomes = list((record.get("subtests") or {}).values())
    return {
        "cell": record["cell"],
        "verdict": record["verdict"],
        "reason": record["reason"],
        "wall_s": record["wall_s"],
        "ok": outcomes.count("ok"),
        "of": len(outcomes),
        "forgiven": record["cell"] in forgiven,
    }
