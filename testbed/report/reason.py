# SPDX-License-Identifier: GPL-2.0-only
"""Why a cell ended as it did, in one line, for every report."""

from collections.abc import Mapping
from typing import Any

__all__ = ["attempt_of", "is_bench", "is_suite", "printable", "reason_of"]

Record = Mapping[str, Any]


def reason_of(record: Record) -> str:
    """Give the reason, and what a person looks for beside it.

    That is how a cell that was run twice ended first, and whether an attempt at a bug showed it.
    """
    first, reason = record.get("first"), str(record["reason"]) + _of_bug(record)
    told = f"{first['verdict']}: {first['reason']}" if first else ""
    return reason if told in reason else f"first {told}; run again: {reason}"


def _of_bug(record: Record) -> str:
    shown = record.get("shown")
    if shown is None:
        return ""
    words = {True: "shows the bug", False: "does not show the bug", None: "not judged as to the bug"}[shown["shown"]]
    return f"; {words}" if shown["sign"] in record["reason"] else f"; {words}: {shown['sign']}"


def attempt_of(record: Record) -> int:
    """Give which of the runs with ``--repeat`` a record is, from 1."""
    return int(record["cell"].rpartition("#")[2])


def is_bench(record: Record) -> bool:
    """Tell whether a record counts what operations cost; it has no phases."""
    return "kind" in record.get("scenario", ()) and record["scenario"]["kind"] == "bench"


def is_suite(record: Record) -> bool:
    """Tell whether a record is of a test of a suite, which has a baseline."""
    return "baseline" in record.get("scenario", ())


def printable(text: str) -> str:
    """Show what moves a cursor, ends a line or is no character at all as Python would write it, with a backslash."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )
