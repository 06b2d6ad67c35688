# SPDX-License-Identifier: GPL-2.0-only
"""``tb run`` and ``tb report``."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from testbed.cli.output import emit, fail, say
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.report.evidence import evidence
from testbed.report.junit import junit_xml
from testbed.report.table import plain_rows, summary, table
from testbed.run.byhand import dry_lines
from testbed.run.conduct import EXPECTED, Conducted, accelerator, conduct, exit_code
from testbed.run.plan import Request, plan
from testbed.store.folder import RunFolder

__all__ = ["report", "run"]


Targets = Annotated[list[str] | None, typer.Argument(help="Matrices, scenario names or files; default: quick.")]
Kernels = Annotated[list[str] | None, typer.Option("--kernel", "-k", help="Kernel, e.g. vanilla-6.12+debug.")]
Guest = Annotated[str | None, typer.Option(help="Guest instead of the scenario's own.")]
AccelName = Annotated[str, typer.Option(help="auto, kvm or tcg.")]
RequireKvm = Annotated[bool, typer.Option("--require-kvm", help="Exit 2 where KVM runs no guest.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Guests at once; default by CPUs and memory.")]
Repeat = Annotated[int, typer.Option(min=1, help="Run each cell so often.")]
Scale = Annotated[str | None, typer.Option(help="small or full; default: the matrix's.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE: a workload parameter.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the cells and their QEMU lines.")]
Out = Annotated[Path, typer.Option(help="Folder of runs.")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON per cell on stdout.")]


def run(
    targets: Targets = None,
    kernel: Kernels = None,
    guest: Guest = None,
    accel: AccelName = "auto",
    require_kvm: RequireKvm = False,
    jobs: Jobs = None,
    repeat: Repeat = 1,
    scale: Scale = None,
    setting: Settings = None,
    dry_run: DryRun = False,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Build what is missing, boot the guests, run the cells, print what the page tables did."""
    if accel not in ("auto", "kvm", "tcg"):
        raise SpecError(f"--accel {accel}: unknown; auto, kvm or tcg")
    root = checkout_root()
    request = Request(root, tuple(targets or ()), tuple(kernel or ()), guest, scale, _settings(setting or []), repeat)
    cells = plan(request)
    if dry_run:
        with shown() as progress:
            chosen = accelerator(accel, require_kvm, progress)
            lines = list(dry_lines(root, cells, chosen, progress))
        for line in lines:
            say(line)
        return

    def finished(record: dict[str, Any]) -> None:
        if json_:
            emit(record)

    with shown() as progress:
        done = conduct(root, cells, out, progress, finished, accel, require_kvm, jobs)
    _conclude(done, json_)
    raise typer.Exit(exit_code(done))


def report(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")],
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML there.")] = None,
    json_: Json = False,
) -> None:
    """Print the table of a run again, or write it in another format."""
    opened = RunFolder.open(folder)
    done = Conducted(opened, opened.records(), interrupted=False)
    if junit is not None:
        junit.write_text(junit_xml(opened.header(), done.records))
    if json_:
        for record in done.records:
            emit(record)
    _conclude(done, json_)


def _conclude(done: Conducted, to_program: bool) -> None:
    lines = [*summary(done.records), f"records: {done.folder.path / 'results.jsonl'}"]
    failed = [record for record in done.records if record["verdict"] not in EXPECTED]
    shown_under = [line for record in failed for line in evidence(done.folder.cell(record["cell"]), record)]
    if to_program:
        for line in (*shown_under, *lines):
            fail(line)
        return
    if sys.stdout.isatty():
        Console().print(table(done.records))
    else:
        for row in plain_rows(done.records):
            say(row)
    for line in (*shown_under, *lines):
        say(line)


def _settings(pairs: list[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise SpecError(f"--set {pair}: settings are written as KEY=VALUE, e.g. --set span=1GiB")
        settings[key] = value
    return settings
