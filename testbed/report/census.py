# SPDX-License-Identifier: GPL-2.0-only
"""A census on the terminal: a row per process and level, the largest holder of page tables first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

__all__ = ["CENSUS_HEADERS", "census_rows", "census_summary", "census_table"]

CENSUS_HEADERS = ("pid", "process", "level", "kB", "tables", "empty", "zero", "file", "needed", "deposit", "bad")
COLUMNS = CENSUS_HEADERS[4:]
TABLE_KB = 4


def census_rows(processes: Sequence[Mapping[str, Any]], most: int | None = None) -> list[tuple[str, ...]]:
    """Give the rows of the ``most`` largest processes; levels that a process has no table of are left out."""
    return [row for process in processes[:most] for row in _rows(process)]


def census_table(processes: Sequence[Mapping[str, Any]], most: int | None = None) -> Table:
    """Give the same drawn for a terminal."""
    view = Table(pad_edge=False, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for header in CENSUS_HEADERS:
        view.add_column(header, justify="left" if header in ("process", "level") else "right", no_wrap=True)
    for row in census_rows(processes, most):
        if row[0]:
            view.add_section()
        view.add_row(*map(escape, row))
    return view


def _rows(process: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    who = (str(process["pid"] or "-"), str(process["name"]))
    for name, level in process["levels"].items():
        if level["tables"] or level["bad"]:
            size = f"{level['tables'] * TABLE_KB:,}"
            yield (*who, name, size, *(f"{level[column]:,}" for column in COLUMNS))
            who = ("", "")


def census_summary(view: Mapping[str, Any]) -> list[str]:
    """Say what all of it comes to, and where two channels differ."""
    lines = [
        f"{len(view['processes'])} address spaces hold {view['total_kb']:,} kB of page tables;"
        f" {view['left_over_kb']:,} kB of it nobody needs",
    ]
    if view.get("kernel_kb") is not None:
        lines.append(
            f"beside them: the kernel's own {view['kernel_kb']:,} kB, waiting for RCU {view['rcu_pending_kb']:,} kB,"
            f" in no address space {view['unreached_kb']:,} kB"
        )
    held = ", ".join(f"{kind} {count:,}" for kind, count in view["entries"].items() if count)
    lines.append(f"entries: {held or 'none'}")
    lines += [f"DISAGREE: {difference}" for difference in view["differences"]]
    if view["differences"] and view.get("way"):
        lines.append("a guest that ran may have been stopped in the middle of a page fault; count again to be sure")
    if not view["differences"]:
        lines.append("all channels agree to the page")
    if view.get("way"):
        lines.append(f"read by {view['way']} in {view['seconds']:.3f} s")
    return lines
