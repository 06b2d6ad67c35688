# SPDX-License-Identifier: GPL-2.0-only
"""Bugs looked for on the kernels that their files name, and what came of it held against what they expect."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import HostError, SpecError
from testbed.judge.grade import Grade
from testbed.run.conduct import EXIT_BAD, EXIT_HARNESS, EXIT_INTERRUPTED, EXIT_OK
from testbed.run.reproduce.amplify import amplified
from testbed.run.reproduce.attempts import graded
from testbed.run.reproduce.grades import Row, Search, compared, row_of, write_grades
from testbed.run.reproduce.subject import Subject
from testbed.run.reproduce.trials import TrialRun
from testbed.spec import BugSpec, KernelSpec, resolve_kernel

__all__ = ["Reproduced", "reproduce", "reproduce_exit", "searches", "subject_of"]


@dataclass(frozen=True)
class Reproduced:
    """What was found, a row for a bug and a kernel; ``left`` are those that were not looked at any more.

    ``broken`` says what of the host failed, such as a full disk.
    """

    rows: Sequence[Row]
    left: Sequence[Search] = ()
    interrupted: bool = False
    broken: str = ""


def searches(
    root: Path,
    target: str,
    bug: BugSpec,
    kernels: Sequence[str] = (),
    attempts: int | None = None,
    overrides: Mapping[str, str] | None = None,
) -> list[Search]:
    """Give what is to be looked for: a bug on ``kernels``, or on those that its file names.

    ``target`` is how a person named the bug. SpecError for a kernel or a parameter that there is not, and for a kernel
    that is named twice.
    """
    if len(set(kernels)) != len(kernels):
        raise SpecError("--kernel: a kernel is named twice; name it once")
    return [
        Search(target, bug, subject_of(root, bug, kernel, overrides), attempts or bug.attempts, dict(overrides or {}))
        for kernel in _kernels(root, bug, kernels)
    ]


def subject_of(root: Path, bug: BugSpec, kernel: KernelSpec, overrides: Mapping[str, str] | None = None) -> Subject:
    """Give the place where a bug is looked for on a kernel: its own guest and workload, with its amplifiers."""
    bound = bug.scenario.at(bug.scale, overrides)
    kernel, guest = amplified(root, kernel, bug.guest(root), bug.amplify, bug.where)
    return Subject(kernel, guest, bound)


def _kernels(root: Path, bug: BugSpec, names: Sequence[str]) -> Sequence[KernelSpec]:
    """A kernel that a bug file makes is known by its name to that file alone."""
    own = {spec.name: spec for spec in bug.kernels}
    return [own[name] if name in own else resolve_kernel(root, name) for name in names] or bug.kernels


def reproduce(run: TrialRun, wanted: Sequence[Search], stop: bool, told: Callable[[Row], None]) -> Reproduced:
    """Look for each; ``told`` gets each row after ``grades.json`` has it. With ``stop`` one ends once it is sure.

    An interrupt ends it, and the attempts that have finished are graded; a host that fails ends it too.
    """
    rows: list[Row] = []

    def add(row: Row) -> None:
        rows[:] = compared([*rows, row])
        write_grades(run.folder, rows)
        told(rows[-1])

    def enough(grade: Grade) -> bool:
        return stop and grade.sure

    for number, each in enumerate(wanted):
        try:
            found = run.of(each.bug)(each.subject, each.most, enough)
            add(row_of(each, found, run.folder))
        except HostError as error:
            return Reproduced(rows, wanted[len(rows) :], broken=str(error))
        except KeyboardInterrupt:
            finished = run.finished(each.bug, each.subject)
            if finished and len(rows) == number:
                add(row_of(each, graded(finished), run.folder))
            return Reproduced(rows, wanted[len(rows) :], interrupted=True)
    return Reproduced(rows)


def reproduce_exit(done: Reproduced) -> int:
    """Give the exit code: 130, 3, 1 or 0, the first that applies.

    A kernel whose source can't be had is left out, as in any run, unless there was no other.
    """
    if done.interrupted:
        return EXIT_INTERRUPTED
    unjudged = [row for row in done.rows if not row["runs"]]
    if done.broken or any(not row["skipped"] for row in unjudged) or len(unjudged) == len(done.rows):
        return EXIT_HARNESS
    return EXIT_BAD if any(row["as_expected"] is False for row in done.rows) else EXIT_OK
