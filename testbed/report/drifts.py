# SPDX-License-Identifier: GPL-2.0-only
"""Judgements of one cell in one line: one cause moves many numbers, and a person wants to read of it once."""

from collections.abc import Sequence
from typing import Any

from testbed.judge.drift import Drift
from testbed.judge.measured import COST
from testbed.judge.reason import number
from testbed.judge.trend import VERDICT

__all__ = ["drift_json", "headline", "listed"]

# As many are named to one who did not ask for all.
NAMED = 8


def headline(drifts: Sequence[Drift]) -> str:
    """Give the reason of the judgement that says most, and the numbers of the others; there is at least one."""
    first, *others = sorted(drifts, key=_rank)
    also = [_moved(drift) for drift in others if drift.now is not None]
    return first.reason + (f"; also {listed(also)}" if also else "")


def drift_json(drift: Drift) -> dict[str, Any]:
    """Give the JSON object of a judgement, without the key."""
    return {
        "metric": drift.key.metric,
        "kind": drift.kind,
        "method": drift.method,
        "was": drift.was,
        "now": drift.now,
        "last_good": drift.last_good.run if drift.last_good is not None else None,
        "first_bad": drift.first_bad.run if drift.first_bad is not None else None,
        "flake_rate": drift.flake_rate,
        "stable": drift.stable,
        "reason": drift.reason,
    }


def listed(names: Sequence[str]) -> str:
    """Give the first of many names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _rank(drift: Drift) -> int:
    """From what a person asks for first; the order of others stays."""
    metric = drift.key.metric
    kinds = (metric == VERDICT, metric.startswith(COST), ".left_over." in metric, ".left_over" in metric)
    return next((rank for rank, fits in enumerate(kinds) if fits), len(kinds))


def _moved(drift: Drift) -> str:
    metric, now = drift.key.metric, drift.now or 0.0
    return f"{metric} {number(metric, now)}" + ("" if drift.was is None else f" (was {number(metric, drift.was)})")
