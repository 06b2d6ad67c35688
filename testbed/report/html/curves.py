# SPDX-License-Identifier: GPL-2.0-only
"""Page tables over time: the samples of a cell, few enough to draw and none of its peaks lost."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.store.durable import whole_lines

__all__ = ["COUNTERS", "curve", "phase_pids", "samples"]

#: What can be drawn, in kB; the last is told by the host.
COUNTERS = ("vmpte_kb", "pagetables_kb", "cgroup_pagetables_kb", "vmrss_kb", "qemu_rss_kb")
# Of a bucket of samples the least and the greatest are kept.
BUCKETS = 200
# A guest may tell any number; JSON would take one that is none.
MOST = 1 << 62

Sample = Mapping[str, Any]


def samples(folder: Path) -> list[Sample]:
    """Read the messages of a cell that can be read; none where it has no samples."""
    path = folder / "samples.jsonl"
    return list(_objects(path)) if path.is_file() else []


def phase_pids(told: Sequence[Sample]) -> dict[str, int]:
    """Give the workload's process at each phase."""
    return {
        message["phase"]: message["pid"]
        for message in told
        if message.get("type") == "phase" and isinstance(message.get("pid"), int)
    }


def curve(told: Sequence[Sample]) -> dict[str, Any]:
    """Give the phases (``name``, ``t``, a value a counter) and ``lines``: a list of [t, kB] a counter.

    ``t`` is in seconds since the workload was started, None in runs that did not note it.
    """
    phases = []
    lines: dict[str, list[list[float]]] = {}
    for message in told:
        counters = message if message.get("type") == "outside" else message.get("counters")
        if not isinstance(counters, Mapping) or message.get("type") not in ("phase", "sample", "outside"):
            continue
        at = _number(message.get("t"))
        told_now = {name: _number(counters.get(name)) for name in COUNTERS}
        values = {name: value for name, value in told_now.items() if value is not None}
        if message["type"] == "phase":
            phases.append({"name": str(message.get("phase")), "t": at, **values})
        if at is not None:
            for name, value in values.items():
                lines.setdefault(name, []).append([at, value])
    return {"phases": phases, "lines": {name: _thinned(line) for name, line in lines.items()}}


def _thinned(line: list[list[float]]) -> list[list[float]]:
    if len(line) <= 2 * BUCKETS:
        return line
    kept = [line[0], line[-1]]
    for bucket in range(BUCKETS):
        part = line[bucket * len(line) // BUCKETS : (bucket + 1) * len(line) // BUCKETS]
        kept += (min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1]))
    return sorted({(at, value): [at, value] for at, value in kept}.values())


def _objects(path: Path) -> Iterator[Sample]:
    for text in whole_lines(path):
        try:
            message = json.loads(text)
        except ValueError:
            continue
        if isinstance(message, dict):
            yield message


def _number(value: Any) -> float | None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST
    return value if fine else None
