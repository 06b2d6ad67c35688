# SPDX-License-Identifier: GPL-2.0-only
"""A run held against the runs before it."""

from testbed.judge.drift import Drift, judge_all
from testbed.judge.trend import Series
from testbed.store.history import History, Pick

__all__ = ["judged_against", "known"]

# So many runs are held against the new one: more tell nothing new of a kernel that has changed since.
COMPARED = 60


def judged_against(history: History, run: str) -> list[tuple[Series, Drift]]:
    """Give each judged series of a run with its judgement; SpecError where history does not have the run."""
    series = {each.key: each for each in history.series(Pick(judged=True, last=COMPARED, until=run))}
    return [(series[drift.key], drift) for drift in judge_all(series.values(), run)]


def known(history: History, run: str) -> bool:
    """Tell whether history has a run."""
    return any(row.id == run for row in history.runs())
