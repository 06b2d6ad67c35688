# SPDX-License-Identifier: GPL-2.0-only
"""What a person asked a bisection to be over, in a form that its log keeps, and the ground that this means now."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from testbed.build import Progress
from testbed.build.cache import work_folder
from testbed.errors import SpecError
from testbed.run.bisect.commits import clone_of, commit_ground
from testbed.run.bisect.ground import Ground
from testbed.run.bisect.options import option_ground
from testbed.run.bisect.patches import patch_ground
from testbed.run.bisect.shapes import shape_ground
from testbed.run.reproduce.amplify import amplified
from testbed.run.reproduce.subject import Subject
from testbed.spec import BugSpec, KernelSpec, resolve_kernel

__all__ = ["Over", "bisected", "kernel_of", "open_ground"]


@dataclass(frozen=True)
class Over:
    """One of: a ``series`` (a kernel's name), a ``git`` tree with its two revisions, ``config``, ``guest``.

    The last two are pairs, the good one first. With none of them it is over the patches of the bug's own kernel.
    ``kernel`` is whose options a git tree is built with, or which kernel shapes of the guest are tried on.
    """

    series: str | None = None
    git: str | None = None
    good: str | None = None
    bad: str | None = None
    config: tuple[str, str] | None = None
    guest: tuple[str, str] | None = None
    kernel: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("series", "git", "config", "guest") if getattr(self, name) is not None]
        if len(given) > 1:
            raise SpecError(f"--{given[0]} and --{given[1]}: a bisection is over one thing; drop one")
        if self.git is not None and (self.good is None or self.bad is None):
            raise SpecError("--git: name the ends, by --good REV and --bad REV")
        if self.git is None and (self.good is not None or self.bad is not None):
            raise SpecError("--good, --bad: these are revisions of a tree; name it by --git REPOSITORY")
        if self.kernel is not None and self.git is None and self.guest is None:
            raise SpecError("--kernel: serves --git and --guest alone; name a kernel with patches by --series")

    def stored(self) -> dict[str, Any]:
        """Give the JSON form."""
        return asdict(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any], where: str) -> "Over":
        """Give what a stored form says; SpecError, beginning with ``where``, if it is none."""
        if set(stored) != {each.name for each in fields(cls)}:
            raise SpecError(f"{where}: not what this version bisects; start it anew")
        pairs = {key: tuple(stored[key]) for key in ("config", "guest") if stored[key] is not None}
        return cls(**{**stored, **pairs})


def bisected(root: Path, bug: BugSpec, kernel: KernelSpec) -> Subject:
    """Give the place where a bug is looked for, with its vCPUs; the kernel's waits come on top of each candidate."""
    _, guest = amplified(root, kernel, bug.guest(root), bug.amplify, bug.where)
    return Subject(kernel, guest, bug.scenario.at(bug.scale))


@contextmanager
def open_ground(root: Path, bug: BugSpec, over: Over, progress: Progress) -> Iterator[tuple[Ground, Over]]:
    """Give the ground, and what was asked in words that mean the same another time.

    SpecError for what is not there or has nothing to search in.
    """
    kernel = kernel_of(root, bug, over.kernel)
    if over.git is not None:
        repository = str(Path(over.git).resolve()) if Path(over.git).is_dir() else over.git
        subject = bisected(root, bug, kernel)
        with work_folder() as work:
            clone = clone_of(repository, work, progress)
            ground = commit_ground(clone, repository, subject, str(over.good), str(over.bad))
            ends = ground.strategy
            yield ground, replace(over, git=repository, good=ends.good_end, bad=ends.bad_end)
    elif over.config is not None:
        good, bad = (kernel_of(root, bug, name) for name in over.config)
        yield option_ground(bisected(root, bug, bad), good, bad), over
    elif over.guest is not None:
        guests = [bug.guest(root, name) for name in over.guest]
        yield shape_ground(bisected(root, bug, kernel), guests[0], guests[1]), over
    else:
        yield patch_ground(root, bisected(root, bug, kernel_of(root, bug, over.series))), over


def kernel_of(root: Path, bug: BugSpec, name: str | None) -> KernelSpec:
    """Give one of the bug's own kernels, which nobody else knows, or any other; the bug's first where none is named."""
    for kernel in bug.kernels:
        if name in (None, kernel.name):
            return kernel
    return resolve_kernel(root, str(name))
