# SPDX-License-Identifier: GPL-2.0-only
"""What a night has found, as lines: regressions first, each with what is known of where it came in."""

from collections.abc import Sequence

from testbed.judge.drift import Drift

__all__ = ["drift_lines"]

TOLD = ("regression", "improvement", "incomparable")


def drift_lines(drifts: Sequence[Drift]) -> list[str]:
    """Give a line for each judgement that a person should see, and one that counts all."""
    lines = []
    for kind in TOLD:
        for drift in drifts:
            if drift.kind == kind:
                key = drift.key
                lines.append(f"{kind.upper()} {key.kernel} {key.scenario} ({key.guest}): {drift.reason}")
    counts = {kind: sum(drift.kind == kind for drift in drifts) for kind in (*TOLD, "same", "new")}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    lines.append(f"history: {len(drifts)} metrics judged: {told or 'none'}")
    return lines
