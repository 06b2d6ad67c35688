# SPDX-License-Identifier: GPL-2.0-only
"""Long work shows which step it is at, how far, and how long it has taken so far. Always on stderr."""

import sys
import threading
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from testbed.cli.output import fail, reader_may_be_gone

__all__ = ["Shown", "shown"]

PLAIN_EVERY_S = 10.0


class Shown(Protocol):
    """A progress display, used as a context manager and called with (step, what it does now)."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""

    def __call__(self, step: str, what: str) -> None:
        """Take note of where ``step`` is."""


def shown() -> Shown:
    """Give a live line on a terminal, plain lines elsewhere."""
    return _Live() if sys.stderr.isatty() else _Plain()


class _Plain:
    """A line when a step begins, and then at most one each ten seconds."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._printed: dict[str, float] = {}
        self._zero = time.monotonic()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stderr.flush()

    def __call__(self, step: str, what: str) -> None:
        now = time.monotonic()
        with self._lock:
            began = self._began.setdefault(step, now)
            if now - self._printed.get(step, -PLAIN_EVERY_S) < PLAIN_EVERY_S:
                return
            self._printed[step] = now
        fail(f"[{now - self._zero:5.0f} s] {step}: {what} (for {now - began:.0f} s)")


class _Live:
    """One line with a spinner; a finished step stays above it with the time it took."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        self._step, self._what = "", ""
        self._began = time.monotonic()
        self._live = Live(console=self._console, refresh_per_second=8, transient=True, get_renderable=self._line)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with reader_may_be_gone(sys.stderr):
            self._close_step()
            self._live.stop()

    def __call__(self, step: str, what: str) -> None:
        with self._lock:  # cells tell of themselves from threads of their own
            if step != self._step:
                with reader_may_be_gone(sys.stderr):
                    self._close_step()
                self._step, self._began = step, time.monotonic()
            self._what = what

    def _close_step(self) -> None:
        if self._step:
            seconds = time.monotonic() - self._began
            self._console.print(Text(f"{self._step}: {self._what} ({seconds:.1f} s)", style="dim"))
            self._step = ""

    def _line(self) -> Spinner:
        seconds = time.monotonic() - self._began
        text = Text(f"{self._step}: {self._what} ({seconds:.0f} s)", overflow="ellipsis", no_wrap=True)
        self._spinner.update(text=text)
        return self._spinner
