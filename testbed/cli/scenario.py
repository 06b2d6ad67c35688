# SPDX-License-Identifier: GPL-2.0-only
"""``tb scenario``."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import emit, fail, rows, say
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.run.newbug import new_bug
from testbed.run.newscenario import new_scenario
from testbed.run.plan import is_matrix
from testbed.spec import (
    BugSpec,
    MatrixSpec,
    ScenarioSpec,
    SuiteSpec,
    is_bug,
    list_bugs,
    list_scenarios,
    list_suites,
    load_bug,
    load_either,
    load_matrix,
)

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Name = Annotated[str, typer.Argument(help="A scenario, e.g. benign/dontneed-loop.")]
EXIT_INPUT = 2


@app.command(name="list")
def list_(json_: Json = False) -> None:
    """List the scenarios, the suites of tests, and the bugs."""
    root = checkout_root()
    scenarios = [load_either(root, name) for name in (*list_scenarios(root), *list_suites(root))]
    listed = [*scenarios, *(load_bug(root, name).scenario for name in list_bugs(root))]
    if json_:
        emit([{"name": each.name, "kind": each.kind, "source": each.source} for each in listed])
        return
    rows(("scenario", "guest", "source"), [(each.name, each.guest, " ".join(each.source.split())) for each in listed])


@app.command()
def show(name: Name) -> None:
    """Print a scenario's, suite's or bug's file."""
    root = checkout_root()
    say((root / _load(root, name).where.partition(":")[0]).read_text().rstrip())


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Scenario, suite, bug or matrix files.")]) -> None:
    """Check scenario, suite, bug and matrix files; a line for each that is wrong, exit 2 if there is any."""
    root = checkout_root()
    wrong = 0
    for file in files:
        try:
            say(f"{file}: ok ({_load(root, file).name})")
        except SpecError as error:
            wrong += 1
            fail(str(error))
    raise typer.Exit(EXIT_INPUT if wrong else 0)


@app.command()
def new(name: Name) -> None:
    """Start a new scenario, or a bug (bugs/NAME): a workload in C and its YAML, to be filled in."""
    start = new_bug if name.startswith("bugs/") else new_scenario
    for path in start(checkout_root(), name):
        say(str(path))


def _load(root: Path, name_or_file: str | Path) -> ScenarioSpec | SuiteSpec | BugSpec | MatrixSpec:
    """Load what a file or name means, whatever it is."""
    if is_bug(root, name_or_file):
        return load_bug(root, name_or_file)
    return load_matrix(root, name_or_file) if is_matrix(root, str(name_or_file)) else load_either(root, name_or_file)
