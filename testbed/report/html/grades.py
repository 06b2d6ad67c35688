# SPDX-License-Identifier: GPL-2.0-only
"""How reliably each bug that a run looked for shows on each kernel."""

from typing import Any

from testbed.report.reproduce import grade_row
from testbed.store.folder import RunFolder

__all__ = ["grades"]


def grades(folder: RunFolder) -> list[dict[str, Any]]:
    """Give a row for a bug and a kernel, in the words of the terminal's table; none of a run without bugs."""
    return [
        {
            "row": grade_row(row),
            "bad": row["as_expected"] is False,
            "sign": row["sign"] or row["unusable"] or "",
            "cell": row["shown_in"] or "",
        }
        for row in folder.grades()
    ]
