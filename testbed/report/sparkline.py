# SPDX-License-Identifier: GPL-2.0-only
"""A series as one line of signs, a sign a point, with a bar before each point where a level begins."""

from collections.abc import Collection, Sequence

from testbed.judge.trend import Point

__all__ = ["CHANGE", "sparkline", "verdict_line"]

CHANGE = "│"
STEPS = "▁▂▃▄▅▆▇█"
# No value: the cell came to no such number.
NOTHING = "·"
VERDICTS = {"pass": "+", "gap": "~", "done": "=", "skip": "-", "flake": "?", "error": "e", "fail": "F"}


def sparkline(values: Sequence[float | None], changes: Collection[int] = ()) -> str:
    """Give the values between the least and the most of them; a flat series is all at the bottom."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return _marked([NOTHING if value is None else _step(value, low, high) for value in values], changes)


def verdict_line(points: Sequence[Point], changes: Collection[int] = ()) -> str:
    """Give a letter for each verdict: ``+`` passed, ``F`` failed, ``H`` and ``C`` for a hang and a crash."""
    return _marked([VERDICTS.get(point.verdict, point.verdict[:1].upper()) for point in points], changes)


def _step(value: float, low: float, high: float) -> str:
    return STEPS[0] if high == low else STEPS[round((value - low) / (high - low) * (len(STEPS) - 1))]


def _marked(signs: Sequence[str], changes: Collection[int]) -> str:
    return "".join(CHANGE + sign if at in changes else sign for at, sign in enumerate(signs))
