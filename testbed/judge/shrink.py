# SPDX-License-Identifier: GPL-2.0-only
"""How small a number may be made while a bug still shows about as reliably as before.

Whether it does is a sequential probability ratio test (Wald, 1945): after each attempt the chance of what was seen at
the reliability of before is held against that at a third of it, until one of them is twenty times as likely. Half
the reliability passes one time in seven, a third one time in twenty. A bug that always shows
takes three attempts to be kept and two to be refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt, log

from testbed.judge.grade import HALF, Grade, quiet_runs

__all__ = ["Still", "shrink"]

#: A reliability that was divided by this is too low.
LOSS = 3
#: How much likelier one of the two must be.
ODDS = 20.0
#: Where a value is known to within this part of itself, it is small enough.
NEAR = 8


@dataclass(frozen=True)
class Still:
    """Judges attempts by those of ``before``."""

    before: Grade

    @property
    def most(self) -> int:
        """So many attempts at the most: who is not convinced by then is not going to be."""
        return 4 * quiet_runs(self.before)

    def holds(self, now: Grade) -> bool | None:
        """Tell whether the bug is about as reliable as before; None while that is open."""
        high = (self.before.shown + HALF) / (self.before.runs + 2 * HALF)
        low = high / LOSS
        likelier = now.shown * log(high / low) + (now.runs - now.shown) * log((1 - high) / (1 - low))
        return None if abs(likelier) < log(ODDS) else likelier > 0


def shrink(value: int, least: int, unit: int, holds: Callable[[int], bool]) -> int:
    """Give the smallest multiple of ``unit`` found for which it ``holds``, as it does for ``value``.

    The least is tried first. Between it and the value the number of halvings is halved, and what is left then is
    divided, until it is known to within an eighth. Numbers on the way are round: a person reads the last one.

    >>> shrink(1 << 30, 4096, 4096, lambda size: size >= 3 << 20)
    3145728
    """
    if value <= least:
        return value
    if holds(least):
        return least
    failed, kept = least, value
    while kept - failed > (step := max(unit, _round(kept // NEAR))):
        middle = isqrt(failed * kept) if kept > 2 * failed else (failed + kept) // 2
        middle = middle // step * step
        if middle <= failed:
            middle += step
        if holds(middle):
            kept = middle
        else:
            failed = middle
    return kept


def _round(number: int) -> int:
    """The power of two that is not above it; 0 of 0."""
    return 1 << number.bit_length() - 1 if number else 0
