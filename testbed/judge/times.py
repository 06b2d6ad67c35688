# SPDX-License-Identifier: GPL-2.0-only
"""Numbers that are noisy, such as seconds: only several nights together, against more before them, tell of a change."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["EFFECT", "NEWEST", "REFERENCE", "Shift", "differs", "shift"]

#: The newest nights that are taken together, and how many there must be before them: of 5 beside 12, a clean separation
#: comes by chance once in 3,094 times, beside 10 once in 1,501.
NEWEST, REFERENCE = 5, 12
#: No more nights than these are held against the newest.
REMEMBERED = 30
#: Chance of a false alarm that a single test may have; a series is tested each night.
CHANCE = 5e-4
# In standard deviations: so little is never rarer than that, and the exact test takes a thousand times as long.
CERTAINLY_CHANCE = 2.5
#: Medians differ by this share at least: guests under emulation on shared hosts take half as long again on a busy day.
EFFECT = 0.5
#: Nights after which a level that stayed is the norm.
ACCEPTED_AFTER = 30


@dataclass(frozen=True)
class Shift:
    """Where a series stands: ``began`` is the first night of a change that lasts, None where there is none.

    ``was`` and ``now`` are medians; ``changes`` are the nights with which levels began.
    """

    began: int | None
    was: float
    now: float
    changes: tuple[int, ...]


def differs(before: Sequence[float], after: Sequence[float], least: float = 0.0) -> bool:
    """Tell whether two lots differ by more than chance (two-sided Mann-Whitney), and by much: ``least`` or more."""
    if len(after) < NEWEST or len(before) < NEWEST:
        return False
    was, now = statistics.median(before), statistics.median(after)
    if abs(now - was) < max(least, EFFECT * min(was, now)):
        return False
    if _far_from_chance(before, after) < CERTAINLY_CHANCE:
        return False
    # takes a second to import, which only who compares times should wait for
    from scipy.stats import mannwhitneyu  # type: ignore[import-untyped]

    # exact, though with ties it is a little off: the approximation can't tell five nights from chance at all
    return bool(mannwhitneyu(before, after, alternative="two-sided", method="exact").pvalue < CHANCE)


def _far_from_chance(before: Sequence[float], after: Sequence[float]) -> float:
    """Give how far the ranks lie from those of one lot, in standard deviations: quick, and not exact."""
    pairs, both = len(before) * len(after), len(before) + len(after)
    above = sum((now > was) + 0.5 * (now == was) for was in before for now in after)
    return abs(above - pairs / 2) / math.sqrt(pairs * (both + 1) / 12)


def shift(values: Sequence[float], least: float = 0.0) -> Shift:
    """Go through the nights, of which there is at least one, and say where the last of them stands."""
    start, began, rose = 0, None, False
    changes: list[int] = []
    for night in range(len(values)):
        first = night + 1 - NEWEST
        until = first if began is None else began
        before = values[max(start, until - REMEMBERED) : until] if first >= 0 else ()
        if len(before) < REFERENCE:
            continue
        newest = values[first : night + 1]
        lasts, rises = differs(before, newest, least), statistics.median(newest) > statistics.median(before)
        if lasts and (began is None or rises != rose):
            began, rose = first, rises
            changes.append(first)
        elif began is not None and not lasts:
            # it came back; the nights from here on are the next reference
            start, began = first, None
            changes.append(first)
        elif began is not None and night + 1 - began >= ACCEPTED_AFTER:
            start, began = began, None
    until = len(values) if began is None else began
    was = statistics.median(values[start:until] or values)
    return Shift(began, was, statistics.median(values[-NEWEST:]), tuple(changes))
