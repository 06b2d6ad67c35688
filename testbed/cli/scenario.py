# SPDX-License-Identifier: GPL-2.0-only
"""``tb scenario``."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import emit, fail, rows, say
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.run.newscenario import new_scenario
from testbed.run.plan import is_matrix
from testbed.spec import list_scenarios, list_suites, load_either, load_matrix

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Name = Annotated[str, typer.Argument(help="A scenario, e.g. benign/dontneed-loop.")]
EXIT_INPUT = 2


@app.command(name="list")
def list_(json_: Json = False) -> None:
    """List the scenarios, and the suites of tests."""
    root = checkout_root()
    scenarios = [load_either(root, name) for name in (*list_scenarios(root), *list_suites(root))]
    if json_:
        emit([{"name": scenario.name, "kind": scenario.kind, "source": scenario.source} for scenario in scenarios])
        return
    rows(
        ("scenario", "guest", "source"),
        [(scenario.name, scenario.guest, " ".join(scenario.source.split())) for scenario in scenarios],
    )


@app.command()
def show(name: Name) -> None:
    """Print a scenario's or suite's file."""
    root = checkout_root()
    say((root / load_either(root, name).where.partition(":")[0]).read_text().rstrip())


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Scenario, suite or matrix files.")]) -> None:
    """Check scenario, suite and matrix files; a line for each that is wrong, exit 2 if there is any."""
    root = checkout_root()
    wrong = 0
    for file in files:
        load = load_matrix if is_matrix(root, str(file)) else load_either
        try:
            say(f"{file}: ok ({load(root, file).name})")
        except SpecError as error:
            wrong += 1
            fail(str(error))
    raise typer.Exit(EXIT_INPUT if wrong else 0)


@app.command()
def new(name: Name) -> None:
    """Start a new scenario: a workload in C and its YAML, to be filled in."""
    for path in new_scenario(checkout_root(), name):
        say(str(path))
