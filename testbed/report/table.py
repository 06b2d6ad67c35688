# SPDX-License-Identifier: GPL-2.0-only
"""The terminal's table: a scenario's kernels one below the other, with what they held, gave back and had to keep."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from testbed.report.reason import is_bench, is_suite, reason_of
from testbed.report.text import aligned

__all__ = ["of_scenarios", "plain_rows", "summary", "table"]

COLOURS = {
    "pass": "green",
    "gap": "yellow",
    "done": "cyan",
    "skip": "cyan",
    "fail": "red",
    "crash": "bold red",
    "hang": "bold red",
    "error": "magenta",
    "flake": "magenta",
}
PHASES = ("start", "peak", "after", "pressed")
HEADERS = ("scenario", "kernel", *PHASES, "had to stay", "left over", "of it PTE", "verdict", "s")
TABLE_KB = 4


def of_scenarios(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the records that belong into this table: those of suites and benches have their own."""
    return [record for record in records if not is_suite(record) and not is_bench(record)]


def table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Give the table; memory is the workload's page tables (VmPTE and what of it is needed) in kB.

    What had to stay and what was left over is that of the last phase: ``pressed`` where there is one, else ``after``.
    """
    view = Table(
        title="Page-table memory of the workload (VmPTE, kB)",
        title_justify="left",
        pad_edge=False,
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for header in HEADERS:
        left = header in ("scenario", "kernel", "verdict")
        # narrow heads and no wrapped numbers: the table fits 90 columns
        head = "\n".join(header.rsplit(" ", 1))
        view.add_column(head, justify="left" if left else "right", no_wrap=True)
    last = None
    for record in records:
        row = _row(record)
        scenario = row[0]
        colour = COLOURS.get(record["verdict"], "red")
        if last is not None and scenario != last:
            view.add_section()
        shown = scenario.replace(":", "\n  ") if scenario != last else ""
        cells = [escape(text) for text in (shown, *row[1:])]
        cells[-2] = f"[{colour}]{cells[-2]}[/]"
        view.add_row(*cells)
        last = scenario
    return view


def plain_rows(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the same table as aligned plain text, a line a record."""
    rows = [HEADERS, *(_row(record) for record in records)]
    return aligned(rows, left=(0, 1, HEADERS.index("verdict")))


def summary(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say how many of each verdict, then every cell that a person must know of: what failed and each known gap.

    What there is to say of tests of a suite is said by their own table.
    """
    counts = Counter(record["verdict"] for record in records)
    lines = [f"{len(records)} cells: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())]
    accels = {record["accel"]["reason"]: record["accel"]["kind"] for record in records}
    lines += [f"accelerator: {kind} ({reason})" for reason, kind in accels.items()]
    lines += [
        f"{record['verdict'].upper()} {record['cell']}: {reason_of(record)}"
        for record in records
        if record["verdict"] not in ("pass", "done") and not is_suite(record)
    ]
    return lines


def _row(record: Mapping[str, Any]) -> tuple[str, ...]:
    _, _, label = record["cell"].split("/", 2)
    phases = record["phases"]
    last = phases.get("pressed") or phases.get("after", {})
    return (
        label.removesuffix("#1"),
        record["kernel"]["name"],
        *(_kb(phases.get(phase, {}).get("vmpte_kb")) for phase in PHASES),
        _kb(last.get("needed_kb")),
        _kb(last.get("left_over_kb")),
        _kb(_pte_kb(last)),
        record["verdict"],
        f"{record['wall_s']:.1f}",
    )


def _pte_kb(phase: Mapping[str, Any]) -> int | None:
    """PTE tables that nobody needs; what else is left over are the tables above them."""
    tables: int | None = phase.get("left_over", {}).get("pte")
    return None if tables is None else tables * TABLE_KB


def _kb(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
