# SPDX-License-Identifier: GPL-2.0-only
"""How a run is told to whoever started it, or asks for it again: records to a program, tables to a person."""

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from testbed.cli.output import emit, fail, rows, say
from testbed.report.costs import costs_of
from testbed.report.evidence import evidence
from testbed.report.overhead import budget_summary, overhead_table
from testbed.report.reproduce import HEADERS, grade_notes, grade_row, grade_summary
from testbed.report.suite import suite_rows, suite_summary, suite_tables
from testbed.report.table import of_scenarios, plain_rows, summary, table
from testbed.run.conduct import Conducted, unexpected

__all__ = ["Emitter", "conclude", "print_grades"]


class Emitter:
    """Writes each record once, as a line of JSON, where a program reads them."""

    def __init__(self, to_program: bool) -> None:
        self._to_program = to_program
        self._emitted: set[str] = set()

    def __call__(self, record: dict[str, Any]) -> None:
        """Write a record, unless it was written before."""
        if self._to_program and record["cell"] not in self._emitted:
            self._emitted.add(record["cell"])
            emit(record)

    def rest(self, records: Iterable[dict[str, Any]]) -> None:
        """Write those not written yet: what an earlier part of the run did, and what ended as the run did."""
        for record in records:
            self(record)


def conclude(done: Conducted, to_program: bool) -> None:
    """Tell how a run ended; where stdout is a program's, the tables are left out and the rest goes to stderr."""
    write: Callable[[str], None] = fail if to_program else say
    if not to_program:
        _print_tables(done.records)
    for record in unexpected(done.records):
        for line in evidence(done.folder.cell(record["cell"]), record):
            write(line)
    for line in (*summary(done.records), *budget_summary(costs_of(done.records)), *suite_summary(done.records)):
        write(line)
    write(f"records: {done.folder.path / 'results.jsonl'}")
    if done.broken:
        fail(done.broken)
    if done.left:
        write(
            f"{len(done.left)} cells were not run; go on with: ./tb run --resume {shlex.quote(str(done.folder.path))}"
        )


def print_grades(grades: Sequence[Mapping[str, Any]], to_program: bool) -> None:
    """Print what was found of bugs: the table, then the notes; where stdout is a program's, these alone, to stderr."""
    write = fail if to_program else say
    if not to_program:
        rows(HEADERS, [grade_row(row) for row in grades])
    for line in (*(line for row in grades for line in grade_notes(row)), grade_summary(grades)):
        write(line)


def _print_tables(records: Sequence[dict[str, Any]]) -> None:
    scenarios, costs = of_scenarios(records), costs_of(records)
    if sys.stdout.isatty():
        for view in [*([table(scenarios)] if scenarios else []), *suite_tables(records)]:
            Console().print(view)
    else:
        for row in [*(plain_rows(scenarios) if scenarios else []), *suite_rows(records)]:
            say(row)
    for row in overhead_table(costs) if costs else []:
        say(row)
