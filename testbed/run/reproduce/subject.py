# SPDX-License-Identifier: GPL-2.0-only
"""Where a bug is looked for, who looks for it there, and what is found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from testbed.build import GuestImage, KernelImage
from testbed.judge.grade import Grade
from testbed.spec import BoundScenario, GuestSpec, KernelSpec

__all__ = ["Enough", "Graded", "Images", "Subject", "Trials"]

#: Tells whether so many attempts are enough; asked after each.
Enough = Callable[[Grade], bool]


@dataclass(frozen=True)
class Images:
    """A kernel and a guest that are there already."""

    kernel: KernelImage
    guest: GuestImage


@dataclass(frozen=True)
class Subject:
    """A kernel, a guest's shape and a workload with its parameters; ``images`` where none are to be built."""

    kernel: KernelSpec
    guest: GuestSpec
    scenario: BoundScenario
    images: Images | None = None


@dataclass(frozen=True)
class Graded:
    """What attempts came to.

    ``records`` are those of the cells, judged or not; ``unjudged`` why some could not be. ``unusable`` says why there
    were none, such as a kernel that does not build, or all of them in vain, such as one that does not boot; else it is
    empty.
    """

    grade: Grade
    records: Sequence[dict[str, Any]]
    unjudged: Sequence[str] = ()
    unusable: str = ""


class Trials(Protocol):
    """Someone who runs attempts at a bug, in guests."""

    def __call__(self, subject: Subject, most: int, enough: Enough) -> Graded:
        """Look for the bug ``most`` times, or until it is ``enough``.

        Builds what is missing; what can't be built makes the subject unusable. HostError and KeyboardInterrupt go on to
        the caller, with what has finished on the disk.
        """
