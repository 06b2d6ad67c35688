# SPDX-License-Identifier: GPL-2.0-only
"""A cell's files, from the worker that ran it into the run's folder: all of them at once, or none."""

import shutil
from pathlib import Path

from testbed.machine.accel import Accel
from testbed.run.cell import Job, launch_for
from testbed.run.cluster.wire import unpack
from testbed.run.handlines import hand_lines
from testbed.store.record import CellResult

__all__ = ["bring", "land"]

BY_HAND = "by-hand.txt"


def bring(job: Job, result: CellResult, files: bytes, number: int) -> Path:
    """Unpack beside the cell's folder, under a name that nobody reads; MeasureError where that can't be done.

    ``by-hand.txt`` names artefacts, which lie elsewhere on the worker: it is written anew for this host.
    """
    coming = job.folder.with_name(f".{job.folder.name}.{number}")
    shutil.rmtree(coming, ignore_errors=True)
    coming.mkdir(parents=True)
    unpack(files, coming)
    accel = Accel(result.accel["kind"], result.accel["reason"])
    launch = launch_for(job.cell, accel, job.kernel.bzimage, job.guest.initramfs, job.folder, job.folder)
    for path in coming.rglob(BY_HAND):
        path.write_text("\n".join(hand_lines(job.cell, launch)) + "\n")
    return coming


def land(coming: Path, folder: Path) -> None:
    """Put what was brought in the place of the cell's folder; the caller syncs the folder above for many at once."""
    try:
        coming.rename(folder)  # which takes the place of an empty folder at once
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        coming.rename(folder)
