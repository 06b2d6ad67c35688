# SPDX-License-Identifier: GPL-2.0-only
"""Bugs and kernels with their grades: the table, and what is to be said below it. Made from ``grades.json``."""

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.report.reason import printable

__all__ = ["HEADERS", "grade_notes", "grade_row", "grade_summary"]

Row = Mapping[str, Any]

HEADERS = ("bug", "kernel", "found", "grade", "")


def grade_row(row: Row) -> tuple[str, ...]:
    """Give a row of the table; the percentages are the 95 % interval of the rate, or what it excludes."""
    return (row["bug"], row["kernel"], _found(row), row["word"], _standing(row))


def grade_notes(row: Row) -> list[str]:
    """Give the lines on one row: what was seen, what is excluded and how sure that is, and how to have it again."""
    lines = [f"{row['bug']} on {row['kernel']}: {_told(row)}"]
    if row["gap"]:
        lines.append(f"  known gap: {row['gap']}")
    if row["runs"] and not row["shown"]:
        lines.append(f"  {_trust(row)}")
    lines += [f"  not judged: {printable(reason)}" for reason in row["unjudged"] if row["runs"]]
    if row["shown_in"]:
        lines.append(f"  seen in:  {row['shown_in']}")
    if row["picture"]:
        lines.append(f"  picture:  {row['picture']}")
    if row["vmcore"]:
        lines.append(f"  memory:   {row['vmcore']}")
    return [*lines, f"  again:    {row['again']}"]


def grade_summary(rows: Sequence[Row]) -> str:
    """Say in one line how many are as expected, known gaps apart."""
    gaps = sum(row["as_expected"] is True and bool(row["gap"]) for row in rows)
    expected = sum(row["as_expected"] is True for row in rows) - gaps
    counts = (
        (expected, "as expected"),
        (gaps, "known gap"),
        (sum(row["as_expected"] is False for row in rows), "NOT as expected"),
        (sum(bool(row["runs"]) and row["as_expected"] is None for row in rows), "nothing expected"),
        (sum(row["skipped"] for row in rows), "skipped"),
        (sum(not row["runs"] and not row["skipped"] for row in rows), "not judged"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing was looked for"


def _found(row: Row) -> str:
    if not row["runs"]:
        return "-"
    if row["shown"]:
        low, high = (f"{100 * end:.0f}" for end in row["interval"])
        return f"reproduced {row['shown']} of {row['runs']} ({low}-{high} %)"
    return f"0 of {row['runs']} (above {_excluded(row)} excluded)"


def _excluded(row: Row) -> str:
    return f"{100 * row['excluded_above']:.0f} %"


def _standing(row: Row) -> str:
    """Say how a row stands to what is expected."""
    if not row["runs"]:
        return "skipped" if row["skipped"] else "could not be judged"
    if row["as_expected"] is None:
        return "nothing expected"
    if row["as_expected"]:
        if row["gap"]:
            return "known gap"
        return "as expected, not sure" if row["sure"] is False else "as expected"
    if row["gap"]:
        return "NOT as expected: gap closed?"
    return f"NOT as expected: {row['expected']}"


def _told(row: Row) -> str:
    if not row["runs"]:
        return printable(row["unusable"] or "no attempt has finished")
    if row["gap"] and not row["shown"]:
        return f"the known gap was not seen; if it is closed, take it out of the bug's file ({printable(row['sign'])})"
    return printable(row["sign"])


def _trust(row: Row) -> str:
    """Say what quiet runs exclude, and whether they are as many as are needed to believe that the bug is gone."""
    quiet = f"0 of {row['runs']}: a rate above {_excluded(row)} is excluded (95 %)"
    if row["held_against"] is None:
        return f"{quiet}; not sure that it is gone: no kernel of this run shows the bug"
    needed = f"by the grade of {row['held_against']}, {row['quiet_runs']} quiet runs are needed"
    if row["sure"]:
        return f"{quiet}; {needed} to believe that it is gone"
    return f"{quiet}; not sure that it is gone: {needed}; try -n {row['quiet_runs']}"
