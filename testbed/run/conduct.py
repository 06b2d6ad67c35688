# SPDX-License-Identifier: GPL-2.0-only
"""The order of a run after its plan: build, prove the accelerator, run the cells, keep what they gave."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.build import GuestImage, KernelImage, Progress, build_guest, build_kernel, cache_root, proof_image
from testbed.machine.accel import Accel, Proof, choose
from testbed.report.junit import junit_xml
from testbed.run.cell import Job
from testbed.run.host import host_facts
from testbed.run.local import default_jobs, run_jobs
from testbed.run.plan import Cell
from testbed.store.folder import RunFolder
from testbed.store.record import CellResult

__all__ = [
    "EXIT_BAD",
    "EXIT_HARNESS",
    "EXIT_INPUT",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "Conducted",
    "accelerator",
    "conduct",
    "exit_code",
]

EXIT_OK, EXIT_BAD, EXIT_INPUT, EXIT_HARNESS, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
EXPECTED = ("pass", "gap", "done", "skip")


@dataclass(frozen=True)
class Conducted:
    """A finished run."""

    folder: RunFolder
    records: Sequence[dict[str, Any]]
    interrupted: bool


def accelerator(want: str, require_kvm: bool, progress: Progress, fresh: bool = False) -> Accel:
    """Choose the accelerator by proof, a ``fresh`` one if asked; boots a cached kernel, else Debian's cloud kernel."""
    progress("accelerator", "proof by booting a guest")
    kernel, initramfs = proof_image(progress)
    accel = choose(want, require_kvm, Proof(kernel, initramfs), cache_root(), fresh)
    progress("accelerator", f"{accel.kind} ({accel.reason})")
    return accel


def _artefacts(
    root: Path, cells: Sequence[Cell], progress: Progress
) -> tuple[dict[str, KernelImage], dict[str, GuestImage]]:
    """Build each kernel and each guest of ``cells`` once, guests first, as they take seconds."""
    guests = {cell.guest.name: cell.guest for cell in cells}
    kernels = {cell.kernel.name: cell.kernel for cell in cells}
    guest_images = {name: build_guest(root, spec, progress) for name, spec in guests.items()}
    kernel_images = {name: build_kernel(root, spec, progress) for name, spec in kernels.items()}
    return kernel_images, guest_images


def conduct(
    root: Path,
    cells: Sequence[Cell],
    out: Path,
    progress: Progress,
    finished: Callable[[dict[str, Any]], None],
    want: str = "auto",
    require_kvm: bool = False,
    at_once: int | None = None,
) -> Conducted:
    """Run the cells of a plan; ``finished`` gets each record after it is on disk.

    Raises HostError and BuildError before any guest is started.
    """
    accel = accelerator(want, require_kvm, progress)  # seconds; a host that can't run it learns so before the builds
    RunFolder.prepare(out)
    kernels, guests = _artefacts(root, cells, progress)
    header = {
        **host_facts(),
        "argv": sys.argv,
        "accel": {"kind": accel.kind, "reason": accel.reason},
        "cells": [cell.name for cell in cells],
    }
    folder = RunFolder.create(out, header)
    jobs = [
        Job(cell, kernels[cell.kernel.name], guests[cell.guest.name], accel, folder.id, folder.cell(cell.name))
        for cell in cells
    ]
    done = 0

    def keep(result: CellResult) -> None:
        nonlocal done
        record = result.record()
        folder.append(record)
        done += 1
        progress("cells", f"{done}/{len(jobs)} done")
        finished(record)

    def note(job: Job) -> None:
        progress("cells", f"{done}/{len(jobs)} done, now {job.cell.name}")

    interrupted = False
    try:
        run_jobs(jobs, at_once or default_jobs(jobs), note, keep)
    except KeyboardInterrupt:
        interrupted = True
    kept = folder.records()
    (folder.path / "junit.xml").write_text(junit_xml(folder.header(), kept))
    return Conducted(folder, kept, interrupted)


def exit_code(conducted: Conducted) -> int:
    """Give design.md's exit code of a run: 130, 3, 1 or 0, the first that applies."""
    verdicts = {record["verdict"] for record in conducted.records}
    if conducted.interrupted:
        return EXIT_INTERRUPTED
    if "error" in verdicts:
        return EXIT_HARNESS
    return EXIT_BAD if verdicts - set(EXPECTED) else EXIT_OK
