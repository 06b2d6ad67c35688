# SPDX-License-Identifier: GPL-2.0-only
"""``tb survey``."""

import os
from dataclasses import asdict
from typing import Annotated

import typer

from testbed.cli.output import emit, rows, say
from testbed.errors import MeasureError, SpecError
from testbed.measure.exact import exact_survey
from testbed.measure.survey import Process, Survey
from testbed.measure.survey import survey as look

__all__ = ["survey"]

HEADERS = ("pid", "process", "VmPTE kB", "needed", "±", "wasted", "VmRSS")


def survey(
    pids: Annotated[list[int] | None, typer.Argument(metavar="[PID…]", help="Processes; default: all.")] = None,
    budget: Annotated[float, typer.Option(min=0.01, help="Seconds for each process; a larger one is sampled.")] = 1.0,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Read the kernel's own memory by its debug info (root); no budget, no sample."),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
) -> None:
    """Show how much of this very host's page-table memory nobody needs, most waste first; it only reads."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        found = exact_survey(pids or None) if exact else look(pids or None, budget)
    except MeasureError as error:
        # nothing was started
        raise SpecError(str(error)) from error
    if json_:
        emit(_record(found))
        return
    rows(HEADERS, [_row(process) for process in found.processes])
    for line in _summary(found):
        say(line)


def _record(found: Survey) -> dict[str, object]:
    processes = [{**asdict(process), "waste_kb": process.waste_kb} for process in found.processes]
    return {**asdict(found), "processes": processes, "waste_kb": found.waste_kb}


def _row(process: Process) -> tuple[str, ...]:
    sizes = (process.vmpte_kb, process.needed_kb, process.bound_kb, process.waste_kb, process.vmrss_kb)
    return (str(process.pid), process.name, *(f"{size:,}" for size in sizes))


def _summary(found: Survey) -> list[str]:
    held = sum(process.vmpte_kb for process in found.processes)
    share = 100 * found.waste_kb / found.ram_kb
    lines = [
        f"{len(found.processes)} processes hold {held:,} kB of page tables;"
        f" nobody needs {found.waste_kb:,} kB, {share:.2f} % of RAM ({found.ram_kb:,} kB)",
        f"read by {found.method}",
    ]
    if any(process.bound_kb for process in found.processes):
        lines.append("± kB, 95 %: sampled, as there was more than the budget allows; --budget gives more seconds")
    if found.unread:
        lines.append(f"{found.unread} processes are gone or not ours to read; root sees all")
    return lines
