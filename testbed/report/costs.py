# SPDX-License-Identifier: GPL-2.0-only
"""The benches among the records of a run, as the rows that the table of costs is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.report.reason import attempt_of, is_bench

__all__ = ["cost_text", "costs_of"]

Record = Mapping[str, Any]


def costs_of(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Give what :func:`testbed.report.overhead.overhead_table` takes: a mapping for each bench and operation.

    Of a bench that was repeated each run is a column, ``KERNEL#2`` the second; one that died before it told of
    costs has none.
    """
    return [
        {
            "kernel": {"name": _column(record)},
            "accel": record["accel"],
            "operation": operation,
            **dict.fromkeys(("ratio", "budget", "within", "reclaim", "kept")),
            **cost,
        }
        for record in records
        if is_bench(record)
        for operation, cost in (record.get("costs") or {}).items()
    ]


def cost_text(cost: Mapping[str, Any]) -> str:
    """Give one cost in words: instructions an operation, what that is against the first kernel's, what is allowed."""
    words = [f"{cost['instructions']:,.1f} instructions"]
    if cost.get("reclaim") is not None:
        words.append(f"{cost['reclaim']:,.1f} of them in the pass")
    if cost.get("ratio") is not None:
        words.append(f"{100 * (cost['ratio'] - 1):+.2f} %")
    if cost.get("budget") is not None:
        words.append(f"+{100 * cost['budget']:g} % is allowed")
    return ", ".join(words)


def _column(record: Record) -> str:
    name, attempt = str(record["kernel"]["name"]), attempt_of(record)
    return name if attempt == 1 else f"{name}#{attempt}"
