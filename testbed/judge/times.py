# SPDX-License-Identifier: GPL-2.0-only
"""Seconds: noisy, so that only several nights together, against more of them before, tell of a change."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["EFFECT", "NEWEST", "REFERENCE", "Shift", "differs", "shift"]

#: The newest nights that are taken together, and how many there must be before them: with less than 5 beside 10, even
#: a clean separation is no rarer than one chance in 3,003 / 2.
NEWEST, REFERENCE = 5, 10
#: No more nights than these are held against the newest.
REMEMBERED = 60
#: Chance of a false alarm that a single test may have; a series is tested each night.
CHANCE = 5e-4
#: Guests under emulation on shared hosts take half as long again on a busy day.
EFFECT = 0.5
#: Nights after which a level that stayed is the norm.
ACCEPTED_AFTER = 30


@dataclass(frozen=True)
class Shift:
    """Where a series of seconds stands: ``began`` is the first night of a change that lasts, None where there is none.

    ``was`` and ``now`` are medians in seconds; ``changes`` are the nights with which levels began.
    """

    began: int | None
    was: float
    now: float
    changes: tuple[int, ...]


def differs(before: Sequence[float], after: Sequence[float]) -> bool:
    """Tell whether two lots of seconds differ by more than chance (two-sided Mann-Whitney), and by much."""
    if len(after) < NEWEST or len(before) < NEWEST:
        return False
    was, now = statistics.median(before), statistics.median(after)
    if max(was, now) < (1 + EFFECT) * min(was, now):
        return False
    # takes a second to import, which only who compares times should wait for
    from scipy.stats import mannwhitneyu  # type: ignore[import-untyped]

    return bool(mannwhitneyu(before, after, alternative="two-sided").pvalue < CHANCE)


def shift(seconds: Sequence[float]) -> Shift:
    """Go through the nights, of which there is at least one, and say where the last of them stands."""
    start, began = 0, None
    changes: list[int] = []
    for night in range(len(seconds)):
        first = night + 1 - NEWEST
        until = first if began is None else began
        before = seconds[max(start, until - REMEMBERED) : until] if first >= 0 else ()
        if len(before) < REFERENCE:
            continue
        lasts = differs(before, seconds[first : night + 1])
        if began is None and lasts:
            began = first
            changes.append(first)
        elif began is not None and not lasts:
            # it came back; what was in between is left out of the reference
            start, began = max(began, first), None
            changes.append(start)
        elif began is not None and night + 1 - began >= ACCEPTED_AFTER:
            start, began = began, None
    until = len(seconds) if began is None else began
    was = statistics.median(seconds[start:until] or seconds)
    return Shift(began, was, statistics.median(seconds[-NEWEST:]), tuple(changes))
