# SPDX-License-Identifier: GPL-2.0-only
"""The order of a run after its plan: build, prove the accelerator, run the cells, keep what they gave."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from testbed.build import Progress
from testbed.errors import HostError, SourceUnavailable
from testbed.judge.regression import excused
from testbed.judge.verdict import ended_well
from testbed.run.artefacts import Artefacts, build_artefacts, check_images, check_sources, kernel_facts
from testbed.run.blame import blamed
from testbed.run.cell import Job
from testbed.run.executor import Executor
from testbed.run.formats import run_junit
from testbed.run.host import host_facts
from testbed.run.local import default_jobs, run_jobs
from testbed.run.metal import Patience
from testbed.run.plan import Cell, Request
from testbed.run.resume import Reopened
from testbed.run.skipped import skipped
from testbed.run.where import Where, where_of
from testbed.store.durable import write_whole
from testbed.store.folder import RunFolder
from testbed.store.record import CellResult

__all__ = [
    "EXIT_BAD",
    "EXIT_HARNESS",
    "EXIT_INPUT",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "Conducted",
    "conduct",
    "exit_code",
    "go_on",
    "reread",
    "unexpected",
]

EXIT_OK, EXIT_BAD, EXIT_INPUT, EXIT_HARNESS, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Conducted:
    """A run that has come to its end or was cut short; ``left`` are the cells without a record.

    ``broken`` says what of the host failed the run itself, such as a full disk.
    """

    folder: RunFolder
    records: Sequence[dict[str, Any]]
    interrupted: bool
    left: Sequence[str] = ()
    broken: str = ""


def conduct(
    request: Request,
    cells: Sequence[Cell],
    out: Path,
    progress: Progress,
    finished: Callable[[dict[str, Any]], None],
    facts: Mapping[str, Any] = MappingProxyType({}),
    executor: Executor | None = None,
) -> Conducted:
    """Run the cells of a plan; ``finished`` gets each record after it is on disk, ``run.json`` the ``facts`` as well.

    They run on this host, or where ``executor`` runs them.

    Raises HostError and BuildError before any guest is started. Cells of a kernel whose source can't be had are
    skipped, unless nothing else is left to run.
    """
    # seconds; a host that can't run it learns so before the builds
    where = where_of(request, cells, executor, progress)
    RunFolder.prepare(out)
    artefacts = build_artefacts(request.root, cells, progress)
    header = {
        **host_facts(),
        **facts,
        "argv": sys.argv,
        "accel": asdict(where.accel),
        "request": request.stored(),
        "kernels": {name: kernel_facts(image) for name, image in artefacts.kernels.items()},
        "unavailable": artefacts.unavailable,
        "guests": {name: {"key": image.key} for name, image in artefacts.guests.items()},
        "cells": [cell.name for cell in cells],
        "digests": {cell.name: cell.digest for cell in cells},
    }
    folder = RunFolder.create(out, header)
    return _run(folder, cells, artefacts, where, request, progress, finished)


def go_on(
    reopened: Reopened,
    jobs: int | None,
    progress: Progress,
    finished: Callable[[dict[str, Any]], None],
    tell: Callable[[str], None],
    executor: Executor | None = None,
) -> Conducted:
    """Run the cells of an earlier run that have no record; ``tell`` gets the lines that a person should see.

    Raises SpecError where the artefacts are not those of the run, HostError and BuildError as :func:`conduct`.
    """
    folder, request = reopened.folder, reopened.request
    if not reopened.left:
        tell(f"{folder.path}: nothing is left to run, all {len(reopened.cells)} cells have a record")
        return _end(folder, interrupted=False)
    where = where_of(request, reopened.left, executor, progress)
    unavailable: dict[str, str] = folder.header().get("unavailable", {})
    to_run = [cell for cell in reopened.left if cell.kernel.name not in unavailable]
    check_sources(request.root, folder, to_run, progress)
    artefacts = build_artefacts(request.root, to_run, progress)
    for reason in artefacts.unavailable.values():
        raise SourceUnavailable(reason)  # the run had it: its cells are not to be skipped but run another time
    check_images(folder, artefacts)
    artefacts = replace(artefacts, unavailable=unavailable)
    recorded = {cell.name for cell in reopened.cells} - {cell.name for cell in reopened.left}
    suspects = blamed(folder, recorded, where.metal.spec.name) if where.metal else {}
    for line in reopened.take_up({**host_facts(), "argv": sys.argv, "accel": asdict(where.accel)}, suspects):
        tell(line)
    where = replace(where, at_once=jobs or where.at_once)
    return _run(folder, reopened.left, artefacts, where, request, progress, finished, suspects)


def _run(
    folder: RunFolder,
    cells: Sequence[Cell],
    artefacts: Artefacts,
    where: Where,
    request: Request,
    progress: Progress,
    finished: Callable[[dict[str, Any]], None],
    suspects: Mapping[str, str] | None = None,
) -> Conducted:
    kernels, guests, metal = artefacts.kernels, artefacts.guests, where.metal
    not_run = skipped(cells, artefacts, where.accel, folder.id, metal.spec if metal else None, suspects)
    left_out = {result.cell for result in not_run}
    jobs = [
        Job(
            cell=cell,
            kernel=kernels[cell.kernel.name],
            guest=guests[cell.guest.name],
            accel=where.accel,
            run=folder.id,
            folder=folder.cell(cell.name),
            census=request.census,
            metal=metal,
            retry=request.retry,
        )
        for cell in cells
        if cell.name not in left_out
    ]
    done, patience = 0, Patience()

    def begin(*begun: Job) -> None:
        folder.attempt_all([job.cell.name for job in begun])
        progress("cells", f"{done}/{len(jobs)} done, now {begun[-1].cell.name}")

    def keep(*results: CellResult) -> None:
        folder.append(*(result.record() for result in results))
        if metal:
            for result in results:
                patience.note(result)

    def tell(result: CellResult) -> None:
        nonlocal done
        done += 1
        progress("cells", f"{done}/{len(jobs)} done")
        finished(result.record())

    interrupted, broken = False, ""
    try:
        for result in not_run:
            folder.append(result.record())
            finished(result.record())
        if where.executor is not None:
            where.executor.run(jobs, where.at_once, begin, keep, tell)
        else:
            run_jobs(jobs, 1 if metal else where.at_once or default_jobs(jobs), begin, keep, tell)
    except KeyboardInterrupt:
        interrupted = True
        folder.call_off()
    except HostError as error:
        broken = str(error)
        folder.call_off()
    except OSError as error:
        broken = f"{error.filename or folder.path}: {error.strerror}"
        with suppress(OSError):
            folder.call_off()
    return _end(folder, interrupted, broken)


def _end(folder: RunFolder, interrupted: bool, broken: str = "") -> Conducted:
    """Read the whole run back from the disk, whoever ran its parts, and write its ``junit.xml``."""
    header, records = folder.header(), folder.records()
    try:
        write_whole(folder.path / "junit.xml", run_junit(folder, header, records))
    except OSError as error:
        broken = broken or f"{error.filename or folder.path}: {error.strerror}"
    recorded = {record["cell"] for record in records}
    return Conducted(folder, records, interrupted, [name for name in header["cells"] if name not in recorded], broken)


def reread(done: Conducted) -> Conducted:
    """Read a run again that records were added to since."""
    return _end(done.folder, done.interrupted, done.broken)


def exit_code(conducted: Conducted) -> int:
    """Give design.md's exit code of a run: 130, 3, 1 or 0, the first that applies."""
    verdicts = {record["verdict"] for record in unexpected(conducted.records)}
    if conducted.interrupted:
        return EXIT_INTERRUPTED
    if "error" in verdicts or conducted.broken:
        return EXIT_HARNESS
    return EXIT_BAD if verdicts else EXIT_OK


def unexpected(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the records of cells that did not end as expected; a test may fail where its suite's baseline fails too."""
    forgiven = excused(records)
    return [record for record in records if not ended_well(record) and record.get("cell") not in forgiven]
