# SPDX-License-Identifier: GPL-2.0-only
"""``tb bench``."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.output import emit, fail, rows, say
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.measure.overhead import OPERATIONS
from testbed.report.overhead import overhead_summary, overhead_table
from testbed.run.benchcensus import SIZES, Speed, bench_census
from testbed.run.benchoverhead import bench_overhead, missed
from testbed.run.cluster.connect import check_extra
from testbed.run.conduct import EXIT_BAD, EXIT_INTERRUPTED
from testbed.run.signals import interruptible
from testbed.run.where import accelerator
from testbed.spec import KernelSpec, load_guest, resolve_kernel

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

HEADERS = ("kernel", "tables", "way", "s", "tables/s", "reading alone, s", "of that speed")


@app.callback()
def bench() -> None:
    """Measure the project's own speed, side by side in one run."""


@app.command()
def census(
    kernel: Annotated[list[str] | None, typer.Option("--kernel", "-k", help="Kernel; default: vanilla-6.12.")] = None,
    tables: Annotated[list[int] | None, typer.Option(min=1, help="So many tables; default: 10^4, 10^5, 10^6.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One line of JSON for each way and size.")] = False,
) -> None:
    """Count tables by each way to a guest's memory, and read the same bytes without looking at them: the limit."""
    root = checkout_root()
    specs = _kernels(root, kernel or ["vanilla-6.12"])
    lines = []
    with shown() as progress:
        accel = accelerator("auto", False, progress)
        for speed in bench_census(root, specs, load_guest(root, "minimal"), tables or SIZES, accel, progress):
            if json_:
                emit({**asdict(speed), **_figures(speed)})
            lines.append(_row(speed))
    if not json_:
        rows(HEADERS, lines)


@app.command()
def cluster(
    cells: Annotated[int, typer.Option(min=1, help="So many cells, which boot nothing.")] = 10_000,
    workers: Annotated[int, typer.Option(min=1, help="So many workers, of four guests at once each.")] = 100,
    result_kib: Annotated[int, typer.Option(min=0, help="KiB of files that a cell gives back.")] = 8,
    json_: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Run cells that boot nothing on a cluster of simulated workers: what scheduler and orchestrator can carry."""
    check_extra()
    from testbed.run.cluster.simulate import simulate

    with shown() as progress, interruptible():
        try:
            load = simulate(checkout_root(), cells, workers, result_kib, progress)
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if json_:
        figures = {"cells_per_s": load.cells_per_s, "most_cells_per_s": load.most_cells_per_s}
        emit({**asdict(load), **figures})
        return
    each = [load.scheduler_cpu_s, load.orchestrator_cpu_s, load.workers_cpu_s]
    ms = [f"{1000 * seconds / load.cells:.2f}" for seconds in each]
    memory = [f"{load.scheduler_mib}", f"{load.orchestrator_mib}", ""]
    rows(
        ("part", "ms of CPU a cell", "MiB"),
        list(zip(("scheduler", "orchestrator", "workers"), ms, memory, strict=True)),
    )
    say(f"{load.cells} cells of {load.result_bytes >> 10} KiB on {load.workers} workers in {load.wall_s:.0f} s")
    say(f"{load.cells_per_s:.0f} cells/s here; with a core for each part up to {load.most_cells_per_s:.0f}")


@app.command()
def overhead(
    kernel: Annotated[
        list[str] | None,
        typer.Option("--kernel", "-k", help="Kernel; the first is what the others are held against."),
    ] = None,
    op: Annotated[list[str] | None, typer.Option(help="Operation; default: all.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One line of JSON for each kernel and operation.")] = False,
) -> None:
    """Count the instructions of faults, mappings, madvise, fork and exit; exit 1 if ptreclaim is over a budget."""
    root = checkout_root()
    specs = _kernels(root, kernel or ["vanilla-6.12", "ptreclaim-6.12"])
    with shown() as progress, interruptible():
        try:
            records = bench_overhead(root, specs, load_guest(root, "minimal"), progress, op or OPERATIONS)
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if json_:
        for record in records:
            emit(record)
    else:
        for line in overhead_table(records):
            say(line)
    for line in overhead_summary(records):
        (fail if json_ else say)(line)
    if missed(records):
        raise typer.Exit(EXIT_BAD)


def _kernels(root: Path, names: Sequence[str]) -> list[KernelSpec]:
    specs = [resolve_kernel(root, name) for name in names]
    if len({spec.name for spec in specs}) != len(specs):
        raise SpecError("--kernel: a kernel is named twice; name it once")
    return specs


def _figures(speed: Speed) -> dict[str, float]:
    return {"median_s": speed.median_s, "tables_per_s": speed.tables_per_s, "read_s": speed.read_s}


def _row(speed: Speed) -> tuple[str, ...]:
    share = f"{100 * speed.read_s / speed.median_s:.0f} %"
    figures = (f"{speed.median_s:.3f}", f"{speed.tables_per_s:,}", f"{speed.read_s:.3f}", share)
    return (speed.kernel, f"{speed.tables:,}", speed.way, *figures)
