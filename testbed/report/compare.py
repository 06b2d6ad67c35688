# SPDX-License-Identifier: GPL-2.0-only
"""Two runs beside each other on the terminal: what changed around them, a row a cell, what is worse and why."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from testbed.judge.between import between, short
from testbed.judge.compared import Compared
from testbed.judge.drift import IMPROVEMENT, INCOMPARABLE, REGRESSION, SAME
from testbed.judge.measured import run_start
from testbed.judge.reason import number
from testbed.judge.trend import Point
from testbed.report.drifts import drift_json, headline, listed
from testbed.report.text import aligned

__all__ = ["compare_json", "compare_summary", "compare_table", "surroundings"]

Header = Mapping[str, Any]
HEADERS = ("scenario, metric", "kernel", "A", "B", "judgement")


def surroundings(first: Header, second: Header) -> list[str]:
    """Say which runs these are, and how their kernels, guests, host and accelerator differ."""
    lines = [f"A {first['run']}", f"B {second['run']}"]
    lines += [
        f"{name}: {between(_point(first, name), _point(second, name))}"
        for name in first.get("kernels", {})
        if name in second.get("kernels", {})
    ]
    changed = [
        f"{name} {short(was)}→{short(now)}"
        for name, was, now in (
            (name, guest.get("key"), second["guests"][name].get("key"))
            for name, guest in first.get("guests", {}).items()
            if name in second.get("guests", {})
        )
        if was != now
    ]
    if changed:
        lines.append(f"guests: {', '.join(changed)}")
    lines += [
        f"{what}: {was}→{now}"
        for what, was, now in (
            ("host", *(_host(header) for header in (first, second))),
            ("accelerator", *(header.get("accel", {}).get("kind", "unknown") for header in (first, second))),
            ("testbed", *(header.get("tool", "unknown") for header in (first, second))),
        )
        if was != now
    ]
    return lines


def compare_table(cells: Sequence[Compared]) -> list[str]:
    """Give a row for each cell that both runs have, and below it one for each judged number that differs."""
    rows = [HEADERS, *(row for cell in cells if cell.verdict is not None for row in _rows(cell))]
    return aligned(rows, left=(0, 1, 4))


def compare_summary(cells: Sequence[Compared]) -> list[str]:
    """Give the reason of all that is worse, then what is better or not compared, and at last the counts of cells."""
    lines = []
    for kind in (REGRESSION, IMPROVEMENT, INCOMPARABLE):
        lines += [f"{kind.upper()} {_name(cell)}: {reason}" for cell in cells for reason in _reasons(cell, kind)]
    both = [cell for cell in cells if cell.verdict is not None]
    counts = Counter(cell.kind for cell in both)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in (REGRESSION, IMPROVEMENT, SAME, INCOMPARABLE) if counts[kind])
    lines.append(f"{len(both)} cells in both runs{': ' if told else ''}{told}")
    for run, alone in (("A", [cell for cell in cells if cell.now is None]), ("B", [c for c in cells if c.was is None])):
        if alone:
            lines.append(f"{len(alone)} only in {run}: {listed([_name(cell) for cell in alone])}")
    return lines


def compare_json(cell: Compared) -> dict[str, Any]:
    """Give the JSON object of a cell."""
    return {
        "scenario": cell.scenario,
        "kernel": cell.kernel,
        "guest": cell.guest,
        "was": cell.was,
        "now": cell.now,
        "kind": cell.kind if cell.verdict is not None else None,
        "unlike": cell.unlike or None,
        "judgements": [
            drift_json(drift) for drift in ([cell.verdict] if cell.verdict is not None else []) + list(cell.metrics)
        ],
        "subtests": [
            {"subtest": each.subtest, "was": each.was, "now": each.now, "worse": each.worse} for each in cell.subtests
        ],
    }


def _rows(cell: Compared) -> Iterator[tuple[str, ...]]:
    yield (cell.scenario, cell.kernel, cell.was or "-", cell.now or "-", cell.kind)
    for drift in cell.metrics:
        metric = drift.key.metric
        sides = ("-" if value is None else number(metric, value) for value in (drift.was, drift.now))
        yield (f"  {metric}", "", *sides, drift.kind)
    for each in cell.subtests:
        yield (f"  {each.subtest}", "", each.was, each.now, REGRESSION if each.worse else "differs")


def _reasons(cell: Compared, kind: str) -> Iterator[str]:
    if cell.verdict is None:
        return
    if kind == INCOMPARABLE and cell.unlike:
        yield f"no numbers, {cell.unlike}"
    drifts = [drift for drift in (cell.verdict, *cell.metrics) if drift.kind == kind]
    if drifts:
        yield headline(drifts)
    if kind == REGRESSION:
        yield from (f"{each.subtest}: {each.was}, now {each.now}" for each in cell.subtests if each.worse)


def _name(cell: Compared) -> str:
    return f"{cell.kernel}/{cell.guest}/{cell.scenario}"


def _host(header: Header) -> str:
    host = header.get("host", {})
    return str(host.get("name") or host.get("id") or "unknown") + (f" ({host['id']})" if host.get("name") else "")


def _point(header: Header, kernel: str) -> Point:
    """Give what of a run's header tells of a kernel."""
    facts = header["kernels"][kernel]
    at = run_start(header)
    key, patches, source = facts.get("key", ""), facts.get("patchset_hash"), facts.get("source_version", "")
    return Point(header["run"], at, "", None, "", key, patches, source, "", "", "")
