# SPDX-License-Identifier: GPL-2.0-only
"""What goes to a person (tables, lines) and what goes to a program (JSON)."""

import errno
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = ["emit", "fail", "reader_may_be_gone", "rows", "say"]


@contextmanager
def reader_may_be_gone(stream: TextIO) -> Iterator[None]:
    """Let what nobody reads be lost: the terminal was closed, or the other end of the pipe.

    The work goes on, since its results are in files; if it is to end, a SIGHUP tells so.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise
        # what is still buffered goes there as well, else the interpreter would complain at its exit
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def say(text: str) -> None:
    """Write a line to stdout."""
    with reader_may_be_gone(sys.stdout):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def emit(value: Any) -> None:
    """Write a value as one line of JSON to stdout."""
    say(json.dumps(value, default=str))


def fail(text: str) -> None:
    """Write an error to stderr."""
    with reader_may_be_gone(sys.stderr):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def rows(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Write a table: drawn on a terminal, tab-separated elsewhere."""
    if not sys.stdout.isatty():
        for line in lines:
            say("\t".join(line))
        return
    view = Table(*headers, pad_edge=False)
    for line in lines:
        view.add_row(*map(escape, line))
    Console().print(view)
