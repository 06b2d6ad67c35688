# SPDX-License-Identifier: GPL-2.0-only
"""A bisection with a bug that shows in some runs only: how many runs a step takes, and what they leave in doubt.

One run that shows the bug tells that a candidate has it. Runs that don't tell that it has not with a doubt, which the
bug's reliability says: learnt at the bad end, and further from every candidate that has it. A bisection may be wrong
with the chance ``alpha`` in all. Each quiet step could be wrong, so each gets a share of it before it is known how it
ends. The shares are equal as long as no step is skipped, and never add up to more than ``alpha``.

A bug stays once it is there. So if any quiet step was wrong, the last good candidate has the bug too: it is looked at
again at the end, where the bug has turned out to be less reliable than was thought when it was called good.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from testbed.judge.grade import Grade, quiet_chance, quiet_runs
from testbed.judge.linesearch import Answer, Found, Lost, Strategy

__all__ = ["Role", "Step", "Task", "doubt", "evidence", "known_well", "next_task", "reliability"]

Role = Literal["bad end", "good end", "step", "proof"]

#: So often a bug must have shown at the bad end: its rate is then known to a factor of two or so.
SEEN = 5


@dataclass(frozen=True)
class Task:
    """A candidate to look at: at most ``runs`` times, and no longer than until it is enough."""

    role: Role
    candidate: str
    runs: int
    alpha: float = 0.0

    def enough(self, grade: Grade) -> bool:
        """Tell whether no more runs are needed: the rate is known, or that the bug is there."""
        return known_well(grade) if self.role == "bad end" else grade.shown > 0


@dataclass(frozen=True)
class Step:
    """A candidate that was looked at.

    ``cells`` are its runs, ``showing`` those of them that show the bug, ``sign`` what it shows by. ``why`` says of a
    skip what kept from telling.
    """

    role: Role
    candidate: str
    name: str
    answer: Answer
    grade: Grade
    alpha: float = 0.0
    cells: tuple[str, ...] = ()
    showing: tuple[str, ...] = ()
    sign: str = ""
    why: str = ""


def known_well(grade: Grade) -> bool:
    """Tell whether the rate of a bug is known well enough to reckon with."""
    return grade.shown >= SEEN


def reliability(steps: Sequence[Step]) -> Grade:
    """Give how reliably the bug shows where it is: all runs of all candidates that have it."""
    known = _known(steps)
    grades = [step.grade for step in steps if known[step.candidate] == "bad"]
    return Grade(sum(grade.shown for grade in grades), sum(grade.runs for grade in grades))


def next_task(strategy: Strategy, steps: Sequence[Step], alpha: float, most: int) -> Task | Found | Lost:
    """Give what to do after ``steps``; ``most`` are the runs that the bad end gets."""
    known = _known(steps)
    ends = {step.role: step for step in steps}
    if "bad end" not in ends:
        return Task("bad end", strategy.bad_end, most)
    if ends["bad end"].answer != "bad":
        return _no_end(ends["bad end"], "does not show the bug")
    grade = reliability(steps)
    unspent = alpha - sum(step.alpha for step in steps)
    if "good end" not in ends:
        to_come = strategy.left({strategy.bad_end: "bad", strategy.good_end: "good"}) + 2
        return _quiet("good end", strategy.good_end, grade, unspent / to_come)
    if ends["good end"].answer != "good":
        return _no_end(ends["good end"], "shows the bug as well")
    chosen = strategy.next(known)
    if isinstance(chosen, str):
        # one share more than there are steps, so that one is left for what a skip may bring
        return _quiet("step", chosen, grade, unspent / (strategy.left(known) + 1))
    return (_proof(chosen, steps) or chosen) if isinstance(chosen, Found) else chosen


def doubt(found: Found, steps: Sequence[Step]) -> float:
    """Give the chance that the last good candidate is as quiet as it was, had it the bug; of two the sum."""
    grade = reliability(steps)
    return min(1.0, sum(quiet_chance(grade, evidence(steps, each).grade.runs) for each in found.last_good))


def evidence(steps: Sequence[Step], candidate: str) -> Step:
    """Give all that was seen of a candidate as one step."""
    own = [step for step in steps if step.candidate == candidate]
    telling = [step for step in own if step.answer != "skip"] or own
    return replace(
        telling[-1],
        grade=Grade(sum(step.grade.shown for step in own), sum(step.grade.runs for step in own)),
        cells=tuple(cell for step in own for cell in step.cells),
    )


def _known(steps: Sequence[Step]) -> dict[str, Answer]:
    """The last answer for each candidate; one that could not be told takes none away."""
    known: dict[str, Answer] = {}
    for step in steps:
        if step.answer != "skip" or step.candidate not in known:
            known[step.candidate] = step.answer
    return known


def _proof(found: Found, steps: Sequence[Step]) -> Task | None:
    """The runs that the last good candidate lacks by what is known of the bug now; none after a proof in vain."""
    grade = reliability(steps)
    for candidate in found.last_good:
        own = [step for step in steps if step.candidate == candidate]
        shares = [step.alpha for step in own if step.alpha]
        missing = quiet_runs(grade, shares[0]) - sum(step.grade.runs for step in own) if shares else 0
        if missing > 0 and own[-1].answer == "good":
            return Task("proof", candidate, missing)
    return None


def _quiet(role: Role, candidate: str, grade: Grade, alpha: float) -> Task:
    return Task(role, candidate, quiet_runs(grade, alpha), alpha)


def _no_end(step: Step, problem: str) -> Lost:
    if step.answer == "skip":
        return Lost(f"the {step.role}, {step.name}, can't be judged: {step.why}", unjudged=True)
    return Lost(f"the {step.role}, {step.name}, {problem}: {step.grade.shown} of {step.grade.runs} runs")
