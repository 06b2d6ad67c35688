# SPDX-License-Identifier: GPL-2.0-only
"""A run folder that attempts at bugs go to, for whoever looks for them: a normal one, that every report can read."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from testbed.build import Progress, build_guest, build_kernel, silent
from testbed.errors import BuildError, HostError, SourceUnavailable
from testbed.machine.accel import Accel
from testbed.run.artefacts import kernel_facts
from testbed.run.cell import Job
from testbed.run.formats import run_junit
from testbed.run.host import host_facts
from testbed.run.local import default_jobs
from testbed.run.plan import Cell
from testbed.run.reproduce.amplify import amplified, check_host
from testbed.run.reproduce.attempts import OneCore, graded, run_attempts
from testbed.run.reproduce.subject import Enough, Graded, Images, Subject
from testbed.run.sign import unshown
from testbed.run.skipped import unrun
from testbed.run.where import accelerator
from testbed.spec import BugSpec
from testbed.store.durable import write_whole
from testbed.store.folder import RunFolder
from testbed.store.record import CellResult

__all__ = ["BugTrials", "How", "TrialRun", "open_run", "open_trials"]

#: Gets each record once it is on the disk.
Told = Callable[[dict[str, Any]], None]
NOTHING: Mapping[str, Any] = MappingProxyType({})


def _ignore(record: dict[str, Any]) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class How:
    """How attempts are run: by which accelerator, how many guests at once (None: what the host carries).

    With ``vmcore`` one dead guest in each place leaves its memory.
    """

    accel: str = "auto"
    require_kvm: bool = False
    jobs: int | None = None
    census: bool = True
    vmcore: bool = True


@dataclass
class TrialRun:
    """An open run that grows: each subject adds its kernel, its guest and its cells to ``run.json``."""

    root: Path
    folder: RunFolder
    accel: Accel
    how: How = field(default_factory=How)
    progress: Progress = silent
    told: Told = _ignore

    def of(self, bug: BugSpec) -> "BugTrials":
        """Give what looks for a bug, with its attempts in this run."""
        return BugTrials(self, bug)

    def run(self, bug: BugSpec, subject: Subject, most: int, enough: Enough) -> Graded:
        """See :class:`Trials`; OSError of the run's folder is a HostError.

        The kernel gets the waits that the bug asks for; the guest is taken as it is, see :func:`subject_of`.
        """
        kernel, _ = amplified(self.root, subject.kernel, subject.guest, bug.amplify, bug.where)
        subject = replace(subject, kernel=kernel)
        cells = self._cells(bug, subject, most)
        try:
            images = subject.images or self._build(subject)
        except BuildError as error:
            return self._unusable(cells[0], error)
        self._note(cells, images)
        jobs = [self._job(cell, images) for cell in cells]
        core, done = OneCore(), 0

        def begin(job: Job) -> None:
            self.folder.attempt(job.cell.name)
            self.progress("attempts", f"{done} done of at most {most}, now {job.cell.name}")

        def finished(result: CellResult) -> None:
            nonlocal done
            done += 1
            core.note(result)
            self.told(result.record())

        def keep(result: CellResult) -> None:
            self.folder.append(result.record())

        def make(number: int) -> Job:
            return core.arm(jobs[number]) if self.how.vmcore else jobs[number]

        at_once = self.how.jobs or default_jobs(jobs)
        with self._writing():
            try:
                results = run_attempts(make, most, at_once, enough, begin, keep, finished)
            finally:
                self.trim()
        names = [cell.name for cell in cells]
        results.sort(key=lambda result: names.index(result.cell))
        return graded([result.record() for result in results])

    def finished(self, bug: BugSpec, subject: Subject) -> list[dict[str, Any]]:
        """Give the records of all attempts at a bug in one place, as they are on the disk."""
        place = _place(Cell(subject.kernel, subject.guest, subject.scenario, 1, bug).name)
        return [record for record in self.folder.records() if _place(record["cell"]) == place]

    def close(self) -> None:
        """Leave the folder as a run leaves it: what was called off told apart, and ``junit.xml``."""
        with self._writing():
            self.folder.call_off()
            header, records = self.folder.header(), self.folder.records()
            write_whole(self.folder.path / "junit.xml", run_junit(self.folder, header, records))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A disk that takes no more is a HostError."""
        try:
            yield
        except OSError as error:
            raise HostError(f"{error.filename or self.folder.path}: {error.strerror}") from error

    def _cells(self, bug: BugSpec, subject: Subject, most: int) -> list[Cell]:
        """Give the attempts; who asks for the same place twice gets the numbers that come next."""
        first = Cell(subject.kernel, subject.guest, subject.scenario, 1, bug)
        taken = [name for name in self.folder.header()["cells"] if _place(name) == _place(first.name)]
        return [replace(first, attempt=len(taken) + number) for number in range(1, most + 1)]

    def _build(self, subject: Subject) -> Images:
        """Build the guest first, as it takes seconds."""
        guest = build_guest(self.root, subject.guest, self.progress)
        return Images(build_kernel(self.root, subject.kernel, self.progress), guest)

    def _unusable(self, cell: Cell, error: BuildError) -> Graded:
        """Record why there is nothing to run: no source is a skip, as in any run; what does not build is an error."""
        verdict = "skip" if isinstance(error, SourceUnavailable) else "error"
        reason = _gist(str(error))
        result = unrun(cell, self.folder.id, self.accel, verdict, reason)
        record = replace(result, host=host_facts()["host"], shown=unshown(reason)).record()
        self._grow([cell], {"unavailable": {cell.kernel.name: reason}} if verdict == "skip" else {})
        self.folder.append(record)
        self.told(record)
        return graded([record])

    def _note(self, cells: Sequence[Cell], images: Images) -> None:
        """Say in ``run.json`` what is run, before it is."""
        kernels = {cells[0].kernel.name: kernel_facts(images.kernel)}
        guests = {cells[0].guest.name: {"key": images.guest.key}}
        # two bugs may each have programs of their own in a guest of one name, so images are told by place too
        place = {_place(cells[0].name): {"kernel": images.kernel.path.name, "guest": images.guest.key}}
        self._grow(cells, {"kernels": kernels, "guests": guests, "images": place})

    def _grow(self, cells: Sequence[Cell], facts: Mapping[str, Mapping[str, Any]]) -> None:
        header = self.folder.header()
        grown = {key: {**header.get(key, {}), **more} for key, more in facts.items()}
        digests = {**header["digests"], **{cell.name: cell.digest for cell in cells}}
        names = [*header["cells"], *(cell.name for cell in cells)]
        self.folder.write_header({**header, **grown, "cells": names, "digests": digests})

    def trim(self) -> None:
        """Take out of ``run.json`` the attempts that were not needed, so that nobody misses them."""
        recorded = {record["cell"] for record in self.folder.records()}
        header = self.folder.header()
        names = [name for name in header["cells"] if name in recorded]
        digests = {name: digest for name, digest in header["digests"].items() if name in recorded}
        self.folder.write_header({**header, "cells": names, "digests": digests})

    def _job(self, cell: Cell, images: Images) -> Job:
        folder = self.folder.cell(cell.name)
        return Job(cell, images.kernel, images.guest, self.accel, self.folder.id, folder, self.how.census)


def _place(cell: str) -> str:
    """Give a cell's name without the number of the attempt."""
    return cell.rpartition("#")[0]


@dataclass(frozen=True)
class BugTrials:
    """Attempts at one bug, in a run that may have those at others too: the :class:`Trials` of everybody."""

    within: TrialRun
    bug: BugSpec

    @property
    def folder(self) -> RunFolder:
        """Where the attempts are."""
        return self.within.folder

    def __call__(self, subject: Subject, most: int, enough: Enough) -> Graded:
        """Look for the bug; see :class:`Trials`."""
        return self.within.run(self.bug, subject, most, enough)


@contextmanager
def open_run(
    root: Path,
    bugs: Sequence[BugSpec],
    out: Path,
    how: How | None = None,
    progress: Progress = silent,
    told: Told = _ignore,
    facts: Mapping[str, Any] = NOTHING,
) -> Iterator[TrialRun]:
    """Prove the accelerator and make the run's folder below ``out``; ``facts`` go to its ``run.json`` as well.

    ``told`` gets each record once it is on the disk. However the block ends, what has finished is kept. SpecError
    where nothing can be written to ``out``, HostError where nothing can run guests, or not as the bugs want them.
    """
    how = how or How()
    RunFolder.prepare(out)
    accel = accelerator(how.accel, how.require_kvm, progress)
    for bug in bugs:
        check_host(bug.amplify, accel.kind)
    header = {
        **host_facts(),
        **facts,
        "argv": sys.argv,
        "accel": asdict(accel),
        "bugs": {bug.name: {"title": bug.title, "report": bug.report} for bug in bugs},
        "kernels": {},
        "unavailable": {},
        "guests": {},
        "images": {},
        "cells": [],
        "digests": {},
    }
    run = TrialRun(root, RunFolder.create(out, header), accel, how, progress, told)
    try:
        yield run
    finally:
        run.close()


@contextmanager
def open_trials(
    root: Path,
    bug: BugSpec,
    out: Path,
    how: How | None = None,
    progress: Progress = silent,
    told: Told = _ignore,
    facts: Mapping[str, Any] = NOTHING,
) -> Iterator[BugTrials]:
    """Open a run for attempts at one bug; see :func:`open_run`."""
    with open_run(root, [bug], out, how, progress, told, facts) as run:
        yield run.of(bug)


def _gist(error: str) -> str:
    """Give the line that says what is wrong: the compiler's, where make failed, else the first."""
    lines = error.splitlines()
    return next((line.strip() for line in lines if ": error: " in line), lines[0])
