# SPDX-License-Identifier: GPL-2.0-only
"""The cost of operations on the terminal: a row per operation, the kernels side by side, the budget at the end."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from testbed.report.text import aligned

__all__ = ["budget_summary", "overhead_summary", "overhead_table"]

Records = Sequence[Mapping[str, Any]]
# Of a kernel whose bench came to no end.
NOT_COUNTED = {
    **dict.fromkeys(("instructions", "ratio", "budget", "within", "reclaim", "kept")),
    "repeat_error": 0.0,
}


def overhead_table(records: Records) -> list[str]:
    """Give the table as aligned text; the first kernel is what the others are held against."""
    rows = [_headers(records), *_rows(records)]
    return aligned(rows, left=(0, len(rows[0]) - 1))


def _headers(records: Records) -> tuple[str, ...]:
    first, *others = _kernels(records)
    columns = [head for name in others for head in (name, "change")]
    return ("instructions for one", first, *columns, "error", "budget")


def _rows(records: Records) -> list[tuple[str, ...]]:
    """Give a row for each operation, and below it what of its cost a pass took and how many tables it kept."""
    kernels = _kernels(records)
    lines = []
    for operation in dict.fromkeys(record["operation"] for record in records):
        found = {record["kernel"]["name"]: record for record in records if record["operation"] == operation}
        row = [found.get(name, NOT_COUNTED) for name in kernels]
        error = max(record["repeat_error"] for record in row)
        lines.append((operation, *_figures(row), f"{error:.0e}", _budget(row)))
        for label, key in (("  of it the pass", "reclaim"), ("  empty tables kept", "kept")):
            if any(record[key] is not None for record in row):
                lines.append((label, *_beside(row, key), "", ""))
    return lines


def overhead_summary(records: Records) -> list[str]:
    """Say how it was counted, and which budgets are missed."""
    lines = [f"{accel['kind']}: {accel['reason']}" for accel in _unique(record["accel"] for record in records)]
    return lines + budget_summary(records)


def budget_summary(records: Records) -> list[str]:
    """Say which budgets are missed, and of how many."""
    lines = []
    judged = [record for record in records if record["within"] is not None]
    over = [record for record in judged if not record["within"]]
    if judged:
        lines.append(f"{len(judged) - len(over)} of {len(judged)} costs that have a budget are within it")
    lines += [
        f"OVER {record['kernel']['name']} {record['operation']}:"
        f" {_change(record['ratio'])}, {_limit(record['budget'])} is allowed"
        for record in over
    ]
    return lines


def _kernels(records: Records) -> list[str]:
    return list(dict.fromkeys(record["kernel"]["name"] for record in records))


def _unique(values: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({str(value): value for value in values}.values())


def _figures(row: Records) -> list[str]:
    first, *others = row
    changes = [text for record in others for text in (_number(record["instructions"]), _change(record["ratio"]))]
    return [_number(first["instructions"]), *changes]


def _beside(row: Records, key: str) -> list[str]:
    first, *others = row
    return [_number(first[key]), *(text for record in others for text in (_number(record[key]), ""))]


def _budget(row: Records) -> str:
    judged = [record for record in row if record["within"] is not None]
    if not judged:
        return "-"
    over = [record["kernel"]["name"] for record in judged if not record["within"]]
    return f"{_limit(judged[0]['budget'])} {'OVER: ' + ', '.join(over) if over else 'met'}"


def _limit(budget: float) -> str:
    return f"+{100 * budget:g} %"


def _change(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100 * (ratio - 1):+.2f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
