# SPDX-License-Identifier: GPL-2.0-only
"""What goes to a person (tables, lines) and what goes to a program (JSON)."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["emit", "fail", "rows", "say"]


def say(text: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def emit(value: Any) -> None:
    """Write a value as one line of JSON to stdout."""
    say(json.dumps(value, default=str))


def fail(text: str) -> None:
    """Write an error to stderr."""
    sys.stderr.write(text + "\n")


def rows(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Write a table: drawn on a terminal, tab-separated elsewhere."""
    if not sys.stdout.isatty():
        for line in lines:
            say("\t".join(line))
        return
    view = Table(*headers, pad_edge=False)
    for line in lines:
        view.add_row(*line)
    Console().print(view)
