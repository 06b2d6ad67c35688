# SPDX-License-Identifier: GPL-2.0-only
"""``tb history``."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import emit, say
from testbed.errors import SpecError
from testbed.report.history import (
    flaky,
    judgements,
    open_regressions,
    overview_json,
    run_lines,
    series_json,
    series_lines,
)
from testbed.store.folder import history_url

__all__ = ["history"]

# Of the overview; a person who wants more says --all.
NEWEST_RUNS = 20


def history(
    db: Annotated[str, typer.Option(metavar="URL", help="The results database.")] = history_url(Path("runs")),
    scenario: Annotated[str | None, typer.Option(help="Pattern: only such scenarios, with their parameters.")] = None,
    kernel: Annotated[str | None, typer.Option("--kernel", "-k", help="Pattern: only such kernels.")] = None,
    guest: Annotated[str | None, typer.Option(help="Pattern: only such guests.")] = None,
    metric: Annotated[str | None, typer.Option(help="Pattern: only such metrics, judged or not.")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest N runs.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All runs; of single series all metrics, judged or not.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One line of JSON for each run, regression, series.")] = False,
) -> None:
    """Show the runs in history, what is worse and since when; with a pattern the series themselves."""
    _must_exist(db)
    # SQLAlchemy takes half a second to import, which no other command should wait for
    from testbed.store.history import Pick, open_history

    with open_history(db) as opened:
        runs = opened.runs()
        if not runs:
            raise SpecError(f"--db {db}: no runs are in it yet; ./tb nightly brings in what it runs")
        # what is only shown is shown to whoever asks for it
        wanted = metric is not None or (all_ and any(pattern is not None for pattern in (scenario, kernel, guest)))
        series = opened.series(Pick(scenario, kernel, guest, metric, judged=not wanted, last=last))
    if any(pattern is not None for pattern in (scenario, kernel, guest, metric)):
        if not series:
            raise SpecError("no series in history is like that; patterns are as of a shell, e.g. --scenario 'benign/*'")
        for each in series:
            if json_:
                emit(series_json(each))
            else:
                for line in series_lines(each):
                    say(line)
        return
    told = runs[-last:] if last else runs if all_ else runs[-NEWEST_RUNS:]
    drifts = judgements(series)
    if json_:
        for value in overview_json(told, drifts):
            emit(value)
        return
    for line in run_lines(told):
        say(line)
    if len(told) < len(runs):
        say(f"{len(runs) - len(told)} older runs are not shown; --all shows them")
    worse = open_regressions(drifts)
    for line in (*worse, *flaky(drifts)):
        say(line)
    if not worse:
        say("no regression is open")


def _must_exist(url: str) -> None:
    """Raise SpecError where the file of an SQLite URL is not there: to look at it must not make it."""
    form, _, rest = url.partition(":///")
    file = rest.partition("?")[0]
    if form.startswith("sqlite") and file and not (Path(file).is_file() and Path(file).stat().st_size):
        raise SpecError(f"--db {url}: there is no such database; ./tb nightly makes one, or name another")
