# SPDX-License-Identifier: GPL-2.0-only
"""How long work tells what it is doing; who listens decides how it looks."""

from collections.abc import Callable

__all__ = ["Progress", "silent"]

#: Called with the step ("kernel vanilla-6.12") and what happens in it now ("compile 812/2100").
Progress = Callable[[str, str], None]


def silent(step: str, now: str) -> None:
    """Nobody listens."""
