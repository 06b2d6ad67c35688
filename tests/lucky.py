# SPDX-License-Identifier: GPL-2.0-only
"""Trials that boot nothing: whether an attempt shows the bug is drawn from its cell's name, the same each time."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import made_bugs

from testbed.judge.grade import Grade
from testbed.run.bisect.ground import Candidate, Ground, line_ground
from testbed.run.bisect.search import search
from testbed.run.plan import Cell
from testbed.run.reproduce.attempts import graded
from testbed.run.reproduce.subject import Graded, Subject
from testbed.spec import load_guest

BUG = made_bugs.bug(made_bugs.crash("warn", "lucky"))
SUBJECT = Subject(BUG.kernels[0], load_guest(made_bugs.ROOT, "minimal"), BUG.scenario.at("small"))


class Killed(Exception):
    """The orchestrator died."""


@dataclass
class LuckyTrials:
    """``rate`` by subject; ``ends`` is how attempts end that don't show it. After ``lives`` attempts it is killed."""

    rate: Callable[[Subject], float]
    seed: int = 0
    unusable: dict[str, str] = field(default_factory=dict)
    ends: Callable[[Subject], dict[str, Any]] = lambda subject: {}
    lives: int | None = None
    disk: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, subject: Subject, most: int, enough) -> Graded:
        assert most > 0
        if why := self.unusable.get(subject.kernel.name):
            record = made_bugs.attempt(self._name(subject), None, why, "error").record()
            self.disk.append(record)
            return graded([record])
        records, grade = [], Grade(0, 0)
        while len(records) < most and not (records and enough(grade)):
            if self.lives is not None:
                if self.lives == 0:
                    raise Killed
                self.lives -= 1
            name = self._name(subject)
            shown = random.Random(f"{self.seed} {name}").random() < self.rate(subject)
            told = {"shown": True} if shown else {"shown": False, **self.ends(subject)}
            records.append(made_bugs.attempt(name, **told).record())
            self.disk.append(records[-1])
            grade = graded(records).grade
        return graded(records)

    def kept(self, subject: Subject) -> list[dict[str, Any]]:
        place = self._place(subject)
        return [record for record in self.disk if record["cell"].rpartition("#")[0] == place]

    def _place(self, subject: Subject) -> str:
        return Cell(subject.kernel, subject.guest, subject.scenario, 1).name.rpartition("#")[0]

    def _name(self, subject: Subject) -> str:
        return f"{self._place(subject)}#{len(self.kept(subject)) + 1}"


def kernels(count: int) -> Ground:
    """A line of kernels ``k~00`` to ``k~COUNT``."""
    return line_ground(
        "kernels",
        [
            Candidate(f"{at:02d}", f"patch {at}", replace(SUBJECT, kernel=replace(SUBJECT.kernel, name=f"k~{at:02d}")))
            for at in range(count + 1)
        ],
    )


def from_kernel(first_bad: int, rate: float) -> Callable[[Subject], float]:
    """The bug is in kernel ``k~FIRST_BAD`` and in those after it."""
    return lambda subject: rate if int(subject.kernel.name.partition("~")[2]) >= first_bad else 0.0


def searched(ground: Ground, trials: LuckyTrials, log, alpha=0.05, most=60):
    """Go on with a search as the command does."""
    return search(ground, trials, log, alpha, most, trials.kept, lambda *_: None, lambda _: None)
