# SPDX-License-Identifier: GPL-2.0-only
"""A cell that did not end as expected is run once more, on a guest of its own: a pass then is a flake, not a pass."""

import threading
from dataclasses import replace
from pathlib import Path

from testbed.judge.verdict import EXPECTED, FLAKE
from testbed.run.cell import Job, run_cell
from testbed.run.cellrecord import write_verdict
from testbed.store.folder import FIRST
from testbed.store.record import CellResult

__all__ = ["run_job"]


def run_job(job: Job, cancelled: threading.Event) -> CellResult:
    """Run a cell, twice if the job allows it and the first attempt did not end as expected.

    The result is the second attempt's, with ``first`` telling of the one before. What that left is kept in ``first/``.
    """
    result = run_cell(job, cancelled)
    if not job.retry or result.verdict in EXPECTED or cancelled.is_set():
        return result
    _set_aside(job.folder)
    again = run_cell(job, cancelled)
    told = {"verdict": result.verdict, "reason": result.reason}
    if again.verdict in EXPECTED:
        reason = f"{again.verdict} when run again: {again.reason}; at first {result.verdict}: {result.reason}"
        again = replace(again, verdict=FLAKE, reason=reason)
    again = replace(again, wall_s=round(result.wall_s + again.wall_s, 3), first=told)
    write_verdict(job.folder, again)
    return again


def _set_aside(folder: Path) -> None:
    """Move all that is in a folder one level down."""
    below = folder / FIRST
    below.mkdir()
    for path in sorted(folder.iterdir()):
        if path != below:
            path.rename(below / path.name)
