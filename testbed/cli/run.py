# SPDX-License-Identifier: GPL-2.0-only
"""``tb run``."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from testbed.build import Progress
from testbed.cli.conclude import Emitter, conclude
from testbed.cli.output import fail, say
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.run.byhand import dry_lines
from testbed.run.cluster.executor import cluster
from testbed.run.conduct import EXIT_INTERRUPTED, conduct, exit_code, go_on
from testbed.run.executor import Executor
from testbed.run.plan import Cell, Request, plan
from testbed.run.resume import reopen
from testbed.run.signals import interruptible
from testbed.run.where import accelerator
from testbed.spec import load_machine
from testbed.store.folder import RunFolder

__all__ = ["check_where", "executor_of", "run", "settings_of"]


Targets = Annotated[list[str] | None, typer.Argument(help="Matrices, scenario names or files; default: quick.")]
Kernels = Annotated[list[str] | None, typer.Option("--kernel", "-k", help="Kernel, e.g. vanilla-6.12+debug.")]
Guest = Annotated[str | None, typer.Option(help="Guest instead of the scenario's own.")]
AccelName = Annotated[str, typer.Option(help="auto, kvm or tcg.")]
RequireKvm = Annotated[bool, typer.Option("--require-kvm", help="Exit 2 where KVM runs no guest.")]
Machine = Annotated[str | None, typer.Option(help="Physical machine (docs/machines.md) in place of guests here.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Guests at once; default by CPUs and memory.")]
Repeat = Annotated[int, typer.Option(min=1, help="Run each cell so often.")]
Scale = Annotated[str | None, typer.Option(help="small or full; default: the matrix's.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE: a workload parameter.")]
Retry = Annotated[bool, typer.Option("--retry", help="Run a cell that fails once more; a pass then is a flake.")]
NoCensus = Annotated[bool, typer.Option("--no-census", help="Do not read the guest's memory from outside.")]
ClusterUrl = Annotated[
    str | None,
    typer.Option("--cluster", metavar="URL", help="Run on the ./tb workers of a Dask scheduler, or on local:N."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the cells and their QEMU lines.")]
Resume = Annotated[str | None, typer.Option(metavar="RUN", help="Go on with a run: its folder, or its id below --out.")]
Out = Annotated[Path, typer.Option(help="Folder of runs.")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON per cell on stdout.")]


# What may stand beside --resume: all else is part of the plan, which is the run's.
BESIDE_RESUME = ("resume", "jobs", "cluster_url", "json_", "out")


def run(
    context: typer.Context,
    targets: Targets = None,
    kernel: Kernels = None,
    guest: Guest = None,
    accel: AccelName = "auto",
    require_kvm: RequireKvm = False,
    machine: Machine = None,
    jobs: Jobs = None,
    repeat: Repeat = 1,
    scale: Scale = None,
    setting: Settings = None,
    retry: Retry = False,
    no_census: NoCensus = False,
    cluster_url: ClusterUrl = None,
    dry_run: DryRun = False,
    resume: Resume = None,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Build what is missing, boot the guests, run the cells, print what the page tables did."""
    root = checkout_root()
    emitted = Emitter(json_)
    with interruptible():
        try:
            if resume is not None:
                _refuse_plan_options(context)
                reopened = reopen(root, RunFolder.find(resume, out))
                with shown() as progress, executor_of(cluster_url, progress) as executor:
                    done = go_on(reopened, jobs, progress, emitted, fail, executor)
            else:
                check_where(accel, require_kvm, machine, jobs)
                names, kernels, overrides = tuple(targets or ()), tuple(kernel or ()), settings_of(setting or [])
                request = Request(
                    root,
                    names,
                    kernels,
                    guest,
                    scale,
                    overrides,
                    repeat,
                    accel,
                    require_kvm,
                    jobs,
                    census=not no_census,
                    retry=retry,
                    machine=machine,
                )
                cells = plan(request)
                if dry_run:
                    _print_lines(request, cells)
                    return
                with shown() as progress, executor_of(cluster_url, progress) as executor:
                    done = conduct(request, cells, out, progress, emitted, executor=executor)
        except KeyboardInterrupt:
            fail("interrupted while no cell was under way")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    emitted.rest(done.records)
    conclude(done, json_)
    raise typer.Exit(exit_code(done))


def check_where(accel: str, require_kvm: bool, machine: str | None, jobs: int | None) -> None:
    """Raise SpecError for an unknown accelerator, and for a machine together with what only guests have."""
    if accel not in ("auto", "kvm", "tcg"):
        raise SpecError(f"--accel {accel}: unknown; auto, kvm or tcg")
    if machine is not None and (accel != "auto" or require_kvm or jobs not in (None, 1)):
        raise SpecError("--machine: one cell at a time, and no accelerator; drop --accel, --require-kvm, --jobs")


def executor_of(cluster_url: str | None, progress: Progress) -> AbstractContextManager[Executor | None]:
    """Give what runs cells on the workers of a cluster, None for this host; its workers end with the block."""
    return nullcontext() if cluster_url is None else cluster(cluster_url, progress)


def _print_lines(request: Request, cells: list[Cell]) -> None:
    with shown() as progress:
        on = (
            load_machine(request.root, request.machine)
            if request.machine
            else accelerator(request.accel, request.require_kvm, progress)
        )
        lines = list(dry_lines(request.root, cells, on, progress))
    for line in lines:
        say(line)


def _refuse_plan_options(context: typer.Context) -> None:
    """Raise SpecError if something that plans was given beside --resume."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in BESIDE_RESUME:
            given = "TARGET" if parameter.param_type_name == "argument" else parameter.opts[0]
            raise SpecError(f"{given}: a run is gone on with as it was planned; leave it out beside --resume")


def settings_of(pairs: list[str]) -> dict[str, str]:
    """Give the KEY=VALUE words of --set as a mapping; SpecError for one that is written otherwise."""
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise SpecError(f"--set {pair}: settings are written as KEY=VALUE, e.g. --set span=1GiB")
        settings[key] = value
    return settings
