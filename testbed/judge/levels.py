# SPDX-License-Identifier: GPL-2.0-only
"""Levels of a number that repeats well: where it stood, when it rose above that, and whether it came back.

What is usual is told by the first nights of a level; later ones only have to lie near them. So a slow creep can't take
the band along, it is found as soon as it has left it. Higher is worse, as with everything that is measured here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["ACCEPTED_AFTER", "Level", "Slack", "Walk", "walk"]

#: Nights of a level whose values tell what is usual there.
SETTLED = 5
#: A better level is the new norm once it was seen so often; till then it may be luck.
CONFIRMED = 3
#: A worse level that nobody mended in a month of nights is the norm from then on; the change stays in the history.
ACCEPTED_AFTER = 30


@dataclass(frozen=True)
class Slack:
    """How far a number may lie outside of what was seen: in its own unit, or as a share of it; the larger counts."""

    absolute: float = 0.0
    relative: float = 0.0


@dataclass
class Level:
    """Where a number stands since night ``since``; ``nights`` of them so far, the latest is ``last``.

    ``band`` is what is usual, from least to most; ``allowed`` is that with its slack.
    """

    since: int
    slack: Slack
    last: int = 0
    nights: int = 0
    told: list[float] = field(default_factory=list)
    band: tuple[float, float] = (0.0, 0.0)
    allowed: tuple[float, float] = (0.0, 0.0)

    def add(self, night: int, value: float) -> "Level":
        """Count a night that lies within."""
        self.last, self.nights = night, self.nights + 1
        if len(self.told) < SETTLED:
            self._learn([value])
        return self

    def take_in(self, other: "Level") -> None:
        """Make the nights of another level part of what is usual here."""
        self.nights += other.nights
        self._learn(other.told)

    def holds(self, value: float) -> bool:
        """Tell whether a value is as usual."""
        return self.allowed[0] <= value <= self.allowed[1]

    def _learn(self, values: Sequence[float]) -> None:
        self.told.extend(values)
        low, high = min(self.told), max(self.told)
        slack = max(self.slack.absolute, self.slack.relative * abs(high))
        self.band, self.allowed = (low, high), (low - slack, high + slack)


@dataclass
class Walk:
    """Where a series stands after its last night.

    ``levels`` are from the norm up to where it is: one is all well, more are a regression that began with the last of
    them. ``better`` is a level below the norm that is too young to be one. ``changes`` are the nights with which a
    level began, ``incomparable`` the last one that was out of band for another reason than the kernel.
    """

    levels: list[Level]
    better: Level | None = None
    changes: list[int] = field(default_factory=list)
    incomparable: int | None = None


def walk(values: Sequence[float], kernels: Sequence[str], guests: Sequence[str], slack: Slack) -> Walk:
    """Go through the nights, of which there is at least one; ``kernels`` and ``guests`` are the keys of what ran."""
    now = Walk([Level(0, slack).add(0, values[0])])
    for night, value in enumerate(values[1:], 1):
        if now.better is None and len(now.levels) == 1 and now.levels[0].holds(value):
            now.levels[0].add(night, value)  # as nearly always
            continue
        same_kernel = kernels[night] == kernels[night - 1]
        if not _usual(now, value) and same_kernel and guests[night] != guests[night - 1]:
            # what the guest brings is new and the kernel is not: another workload, say
            now = Walk([Level(night, slack).add(night, value)], None, [*now.changes, night], night)
        elif value < now.levels[0].allowed[0] and not now.levels[0].holds(value):
            _sink(now, night, value, slack)
        else:
            now.better = None
            _rise_or_return(now, night, value, slack, kernels)
        if len(now.levels) > 1 and now.levels[-1].nights >= ACCEPTED_AFTER:
            now.levels = now.levels[-1:]
    if now.better is not None:
        now.changes.append(now.better.since)
    return now


def _usual(now: Walk, value: float) -> bool:
    return any(level.holds(value) for level in now.levels) or (now.better is not None and now.better.holds(value))


def _sink(now: Walk, night: int, value: float, slack: Slack) -> None:
    """Take a night that is better than the norm."""
    now.levels = now.levels[:1]
    if now.better is None or not now.better.holds(value):
        now.better = Level(night, slack)
    now.better.add(night, value)
    if now.better.nights >= CONFIRMED:
        now.changes.append(now.better.since)
        now.levels, now.better = [now.better], None


def _rise_or_return(now: Walk, night: int, value: float, slack: Slack, kernels: Sequence[str]) -> None:
    """Take a night that is at the norm, at a level above it, or at none that is known."""
    place = next((place for place in reversed(range(len(now.levels))) if now.levels[place].holds(value)), None)
    if place is None:
        # a part of the way back is no good end: it is bad since the level below it was left
        place = max(place for place, level in enumerate(now.levels) if level.allowed[0] < value)
        left = now.levels[place + 1 :]
        now.levels = [*now.levels[: place + 1], Level(left[0].since if left else night, slack).add(night, value)]
        now.changes.append(night)
        return
    now.levels, left = now.levels[: place + 1], now.levels[place + 1 :]
    here = now.levels[place]
    if left:
        began = left[0].since
        if kernels[began] == kernels[began - 1]:
            # it went up and down with one and the same kernel: this is what that number does
            for level in left:
                here.take_in(level)
            now.changes = [change for change in now.changes if change < began]
        else:
            now.changes.append(night)
    here.add(night, value)
