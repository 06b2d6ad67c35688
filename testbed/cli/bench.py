# SPDX-License-Identifier: GPL-2.0-only
"""``tb bench``."""

from dataclasses import asdict
from typing import Annotated

import typer

from testbed.cli.output import emit, rows
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.errors import SpecError
from testbed.run.benchcensus import SIZES, Speed, bench_census
from testbed.run.conduct import accelerator
from testbed.spec import load_guest, resolve_kernel

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
    specs = [resolve_kernel(root, name) for name in kernel or ["vanilla-6.12"]]
    if len({spec.name for spec in specs}) != len(specs):
        raise SpecError("--kernel: a kernel is named twice; name it once")
    lines = []
    with shown() as progress:
        accel = accelerator("auto", False, progress)
        for speed in bench_census(root, specs, load_guest(root, "minimal"), tables or SIZES, accel, progress):
            if json_:
                emit({**asdict(speed), **_figures(speed)})
            lines.append(_row(speed))
    if not json_:
        rows(HEADERS, lines)


def _figures(speed: Speed) -> dict[str, float]:
    return {"median_s": speed.median_s, "tables_per_s": speed.tables_per_s, "read_s": speed.read_s}


def _row(speed: Speed) -> tuple[str, ...]:
    share = f"{100 * speed.read_s / speed.median_s:.0f} %"
    figures = (f"{speed.median_s:.3f}", f"{speed.tables_per_s:,}", f"{speed.read_s:.3f}", share)
    return (speed.kernel, f"{speed.tables:,}", speed.way, *figures)
