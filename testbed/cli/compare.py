# SPDX-License-Identifier: GPL-2.0-only
"""``tb compare``."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import emit, fail, say
from testbed.errors import SpecError
from testbed.judge.compared import compare as compare_runs
from testbed.judge.drift import REGRESSION
from testbed.report.compare import compare_json, compare_summary, compare_table, surroundings
from testbed.run.conduct import EXIT_BAD
from testbed.store.folder import RunFolder

__all__ = ["compare"]


def compare(
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help="A run's folder, or its id below --out.")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="The run that is held against it.")],
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs"),
    json_: Annotated[bool, typer.Option("--json", help="One line of JSON for each cell.")] = False,
) -> None:
    """Judge what differs between two runs, as history would; exit 1 if anything of RUN_B is a regression."""
    folders = [RunFolder.find(word, out) for word in (run_a, run_b)]
    (first, was), (second, now) = ((folder.header(), folder.records()) for folder in folders)
    if first["run"] == second["run"]:
        raise SpecError(f"{run_b}: this is run {first['run']} as well; name two runs")
    cells = compare_runs((first, was), (second, now))
    if all(cell.verdict is None for cell in cells):
        raise SpecError(
            f"{run_b}: has no scenario, kernel and guest in common with {run_a}; name runs of the same cells"
        )
    if json_:
        for cell in cells:
            emit(compare_json(cell))
    write = fail if json_ else say
    for line in surroundings(first, second):
        write(line)
    if not json_:
        for line in compare_table(cells):
            say(line)
    for line in compare_summary(cells):
        write(line)
    if any(cell.kind == REGRESSION for cell in cells):
        raise typer.Exit(EXIT_BAD)
