# SPDX-License-Identifier: GPL-2.0-only
"""What a bisection is over: candidates from one that has not the bug to one that has it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.build import Progress, guest_path, kernel_path
from testbed.judge.linesearch import LineSearch, Strategy
from testbed.run.plan import Cell, content_digest
from testbed.run.reproduce.amplify import amplified
from testbed.run.reproduce.subject import Subject
from testbed.spec import BugSpec

__all__ = ["Candidate", "Ground", "facts_of", "line_ground"]


@dataclass(frozen=True)
class Candidate:
    """``id`` is what a strategy calls it, ``name`` what a person does."""

    id: str
    name: str
    subject: Subject


@dataclass(frozen=True)
class Ground:
    """``over`` says in a few words what is searched."""

    over: str
    strategy: Strategy
    candidate: Callable[[str], Candidate]


def line_ground(over: str, candidates: Sequence[Candidate], milestones: Sequence[str] = ()) -> Ground:
    """Give the ground of candidates that stand in a line, the good end first."""
    by_id = {candidate.id: candidate for candidate in candidates}
    return Ground(over, LineSearch(tuple(by_id), milestones), by_id.__getitem__)


def facts_of(root: Path, bug: BugSpec, ground: Ground, progress: Progress) -> Mapping[str, Any]:
    """Give what may not change while a bisection goes on, by what a person would call it; builds nothing.

    Both ends' kernels hold all that those between them are made of.
    """
    strategy = ground.strategy
    ends = [ground.candidate(each).subject for each in (strategy.good_end, strategy.bad_end)]
    kernels = [amplified(root, end.kernel, end.guest, bug.amplify, bug.where)[0] for end in ends]
    line = strategy.line if isinstance(strategy, LineSearch) else [strategy.good_end, strategy.bad_end]
    return {
        "the candidates": [[each, ground.candidate(each).name] for each in line],
        "the bug's signature or amplifiers": content_digest([bug.signs, bug.amplify]),
        "the workload or the guest": [Cell(end.kernel, end.guest, end.scenario, 1).digest for end in ends],
        "the guest's image": [guest_path(root, end.guest, progress).parent.name for end in ends],
        "a kernel's source, patches, options or compiler": [
            kernel_path(root, kernel, progress).parent.name for kernel in kernels
        ],
    }
