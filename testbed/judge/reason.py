# SPDX-License-Identifier: GPL-2.0-only
"""The line that says how a series stands, for a person: values before and after, the runs, and what changed between."""

from testbed.judge.between import between
from testbed.judge.flakes import MEMORY, Flakiness
from testbed.judge.measured import COST, TIMES
from testbed.judge.streak import Streak
from testbed.judge.trend import Point

__all__ = ["flake_words", "number", "share", "shown_band", "since", "verdict_reason"]

PLACES = 1e-9


def number(metric: str, value: float) -> str:
    """Give a value as a person reads it: whole counts, instructions and seconds with one or two places."""
    if metric in TIMES:
        return f"{value:.2f} s"
    if metric.startswith(COST):
        return f"{value:,.1f}"
    return f"{value:,.0f}"


def shown_band(metric: str, low: float, high: float) -> str:
    """Give ``8``, or ``0 to 8``."""
    ends = number(metric, low), number(metric, high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def since(last_good: Point, first_bad: Point) -> str:
    """Name the two runs that a change lies between, and what else changed there."""
    return f"first bad {first_bad.run}, last good {last_good.run}; between: {between(last_good, first_bad)}"


def share(was: float, now: float) -> str:
    """Give ``, +2.0 %``; nothing where it would not say more than the numbers."""
    return f", {100 * (now / was - 1):+.1f} %" if was > PLACES else ""


def verdict_reason(found: Streak) -> str:
    """Say how a cell's verdict stands."""
    newest, good, bad = found.newest, found.last_good, found.first_bad
    if newest.verdict in ("skip", "error"):
        return f"{newest.verdict} in {newest.run}: it says nothing of the kernel"
    if bad is None:
        again = ""
        if found.mended is not None:
            how = f"after {found.mended.verdict} in {found.mended.run}"
            why = between(found.mended, newest) if found.kind == "improvement" else "the same kernel and guest"
            again = f", {how}; between: {why}"
        return f"{newest.verdict}{again}"
    now = newest.verdict if newest.verdict == bad.verdict else f"{newest.verdict}, at first {bad.verdict},"
    if good is None:
        worse = " and worse than ever" if found.kind == "regression" else ""
        return f"{now} since the first run known, {bad.run}{worse}; never passed"
    told = f"{now} since {bad.run} (last {good.verdict} {good.run}, first {bad.verdict} {bad.run})"
    if found.kind == "same":
        return f"{told}; known to be flaky: {flake_words(found.before.rate)}"
    return f"{told}; between: {between(good, bad)}{_trust(found.before)}"


def flake_words(rate: float) -> str:
    """Say what a flake rate means."""
    return f"{100 * rate:.0f} % of its last runs ({MEMORY} at most) failed with a kernel that passes as well"


def _trust(trust: Flakiness) -> str:
    if trust.stable:
        return f"; it was stable, {trust.passes_in_a_row} passes in a row"
    return f"; {flake_words(trust.rate)}, but not so often in a row" if trust.rate else ""
