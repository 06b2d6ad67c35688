# SPDX-License-Identifier: GPL-2.0-only
"""Rows as aligned plain text."""

from collections.abc import Collection, Sequence

__all__ = ["aligned"]


def aligned(rows: Sequence[Sequence[str]], left: Collection[int]) -> list[str]:
    """Give a line for each row: columns in ``left`` flush left, all others, being numbers, flush right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
