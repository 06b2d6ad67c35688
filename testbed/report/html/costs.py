# SPDX-License-Identifier: GPL-2.0-only
"""What operations cost, from the records of benches: a row for each operation, a column for each cell."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.judge.measured import label_of

__all__ = ["costs"]

Record = Mapping[str, Any]
FIGURES = ("instructions", "reclaim", "repeat_error", "ratio", "budget", "within")


def costs(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Give a table for each bench and guest; an operation that a kernel did not run has None there."""
    benches: dict[str, list[Record]] = {}
    for record in records:
        if record.get("costs"):
            benches.setdefault(f"{label_of(record)} on {record['guest']['name']}", []).append(record)
    return [_bench(name, members) for name, members in benches.items()]


def _bench(name: str, records: Sequence[Record]) -> dict[str, Any]:
    operations = dict.fromkeys(operation for record in records for operation in record["costs"])
    return {
        "name": name,
        "columns": [
            {"cell": record["cell"], "kernel": record["kernel"]["name"], "verdict": record["verdict"]}
            for record in records
        ],
        "rows": [
            {"operation": operation, "costs": [_figures(record["costs"].get(operation)) for record in records]}
            for operation in operations
        ],
    }


def _figures(cost: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {figure: cost.get(figure) for figure in FIGURES} if cost else None
