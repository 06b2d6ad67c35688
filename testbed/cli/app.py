# SPDX-License-Identifier: GPL-2.0-only
"""The commands, gathered."""

import typer

from testbed.cli import (
    bench,
    bisect,
    bundle,
    census,
    compare,
    doctor,
    guest,
    history,
    kernel,
    minimise,
    nightly,
    report,
    reproduce,
    run,
    scenario,
    shell,
    survey,
    test,
    worker,
)

__all__ = ["app"]

app = typer.Typer(
    name="tb",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Page-table reclaim testbed: build kernels, boot guests, run scenarios, measure page-table memory.",
)
app.command(name="run")(run.run)
app.command(name="nightly")(nightly.nightly)
app.command(name="report")(report.report)
app.command(name="reproduce")(reproduce.reproduce)
app.command(name="bundle")(bundle.bundle)
app.command(name="bisect")(bisect.bisect)
app.command(name="minimise")(minimise.minimise_bug)
app.command(name="compare")(compare.compare)
app.command(name="history")(history.history)
app.command(name="doctor")(doctor.doctor)
app.command(name="shell")(shell.shell)
app.command(name="census")(census.census)
app.command(name="survey")(survey.survey)
app.command(name="test")(test.test)
app.command(name="worker")(worker.worker)
app.add_typer(bench.app, name="bench", help="Measure the project's own speed.")
app.add_typer(kernel.app, name="kernel", help="List, build, verify, check out and export kernels.")
app.add_typer(guest.app, name="guest", help="List and build guest images.")
app.add_typer(scenario.app, name="scenario", help="List, show and check scenarios, or start a new one.")
