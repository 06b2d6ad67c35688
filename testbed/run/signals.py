# SPDX-License-Identifier: GPL-2.0-only
"""SIGINT, SIGTERM and SIGHUP end a run in order: each raises KeyboardInterrupt in the main thread, once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interruptible"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Handle the signals in this block. The way out takes seconds and is not cut short by a second signal.

    What was ignored before stays so: ``nohup`` ignores SIGHUP, and a shell without job control SIGINT for ``cmd &``.
    """
    # asked now: a terminal that is gone says no more that it is one
    terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
    before = {number: signal.getsignal(number) for number in ENDING}

    def end(number: int, _: FrameType | None) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGHUP:
            _leave(terminals)
        raise KeyboardInterrupt

    for number in ENDING:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(terminals: list[int]) -> None:
    """Let all that is still written go nowhere: writing to a terminal that was closed raises."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in terminals:
        os.dup2(nowhere, fd)
    os.close(nowhere)
