# SPDX-License-Identifier: GPL-2.0-only
"""What a night has found, as lines: regressions first, each cell once, with what is known of where it came in."""

from collections.abc import Sequence

from testbed.judge.drift import IMPROVEMENT, INCOMPARABLE, NEW, REGRESSION, SAME, Drift
from testbed.report.drifts import headline

__all__ = ["drift_lines"]

KINDS = (REGRESSION, IMPROVEMENT, INCOMPARABLE, SAME, NEW)


def drift_lines(drifts: Sequence[Drift]) -> list[str]:
    """Give a line for each cell that became worse or better, and one that counts what was judged."""
    lines = []
    for kind in (REGRESSION, IMPROVEMENT):
        cells: dict[tuple[str, str, str], list[Drift]] = {}
        for drift in drifts:
            if drift.kind == kind:
                cells.setdefault((drift.key.kernel, drift.key.scenario, drift.key.guest), []).append(drift)
        lines += [
            f"{kind.upper()} {kernel} {scenario} ({guest}): {headline(found)}"
            for (kernel, scenario, guest), found in cells.items()
        ]
    counts = {kind: sum(drift.kind == kind for drift in drifts) for kind in KINDS}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    lines.append(f"history: {len(drifts)} metrics judged{': ' + told if told else ''}")
    return lines
