# SPDX-License-Identifier: GPL-2.0-only
"""``tb nightly``."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.conclude import Emitter, conclude
from testbed.cli.output import fail, say
from testbed.cli.progress import shown
from testbed.cli.run import (
    AccelName,
    ClusterUrl,
    Jobs,
    Json,
    Kernels,
    Machine,
    Out,
    RequireKvm,
    Scale,
    check_where,
    executor_of,
)
from testbed.cli.where import checkout_root
from testbed.report.night import drift_lines
from testbed.run.conduct import EXIT_INTERRUPTED
from testbed.run.plan import Request
from testbed.run.signals import interruptible
from testbed.store.folder import history_url

__all__ = ["nightly"]

Matrix = Annotated[str, typer.Argument(help="Matrix, suite, scenario name or file.")]
Db = Annotated[str | None, typer.Option(help="URL of the database; default: history.sqlite in the folder of runs.")]
Keep = Annotated[int, typer.Option(min=1, help="So many nights stay, beside those that open regressions stand on.")]
NoOverhead = Annotated[bool, typer.Option("--no-overhead", help="Do not count the instructions of operations.")]
Reports = Annotated[Path | None, typer.Option(help="Write the reports there as well, for a CI server to collect.")]


def nightly(
    matrix: Matrix = "quick",
    db: Db = None,
    kernel: Kernels = None,
    accel: AccelName = "auto",
    require_kvm: RequireKvm = False,
    machine: Machine = None,
    jobs: Jobs = None,
    cluster_url: ClusterUrl = None,
    scale: Scale = None,
    keep: Keep = 30,
    no_overhead: NoOverhead = False,
    reports: Reports = None,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Look for new sources, build, run, hold against history, write reports, prune old nights; exit 1 if worse."""
    # SQLAlchemy takes half a second to import, which no other command should wait for
    from testbed.run.nightly import NightPlan
    from testbed.run.nightly import nightly as night_of

    check_where(accel, require_kvm, machine, jobs)
    request = Request(
        checkout_root(),
        (matrix,),
        tuple(kernel or ()),
        scale=scale,
        accel=accel,
        require_kvm=require_kvm,
        jobs=jobs,
        machine=machine,
        retry=True,
    )
    wanted = NightPlan(request, out, db or history_url(out), keep, not no_overhead, reports)
    emitted = Emitter(json_)
    with interruptible():
        try:
            with shown() as progress, executor_of(cluster_url, progress) as executor:
                night = night_of(wanted, progress, emitted, executor)
        except KeyboardInterrupt:
            fail("interrupted; what finished is kept, and taken into history by the next night")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    emitted.rest(night.conducted.records)
    conclude(night.conducted, json_)
    write = fail if json_ else say
    for each in night.news:
        write(f"new source: {each.kernel} is {each.now} now; {each.was} ran beside it as {each.twin}")
    for line in (*drift_lines(night.drifts), *night.blame):
        write(line)
    for run in night.pruned:
        write(f"pruned: {run}")
    raise typer.Exit(night.exit_code)
