# SPDX-License-Identifier: GPL-2.0-only
"""The steps of a bisection, one after another, from where its log ends."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from testbed.errors import SpecError
from testbed.judge.bisection import Step, Task, next_task, reliability
from testbed.judge.grade import Grade
from testbed.judge.linesearch import Found, Lost
from testbed.run.bisect.ground import Candidate, Ground
from testbed.run.bisect.log import BisectLog
from testbed.run.reproduce.subject import Subject, Trials

__all__ = ["Kept", "Outcome", "Told", "search"]

#: Gets what is to be done next, with what it is done to, and how reliable the bug is known to be.
Told = Callable[[Task, Candidate, Grade], None]
#: Gives the records of attempts at a subject that are on the disk already.
Kept = Callable[[Subject], Sequence[dict[str, Any]]]

#: So often attempts are made, again in place of those that could not be judged.
ROUNDS = 3
#: Verdicts of a cell that did not come to its end.
CUT_SHORT = ("crash", "hang")


@dataclass(frozen=True)
class Outcome:
    """How a bisection ended, and all of its steps."""

    ended: Found | Lost
    steps: Sequence[Step]


def search(
    ground: Ground,
    trials: Trials,
    log: BisectLog,
    alpha: float,
    most: int,
    kept: Kept,
    before: Told,
    after: Callable[[Step], None],
) -> Outcome:
    """Go on from the log's last step to the end; each step is in the log before ``after`` is told of it.

    ``alpha`` is the chance that the answer may be wrong, ``most`` the attempts at the bad end. What trials raise goes
    on to the caller, and what they had kept by then counts when the search is taken up again.
    """
    steps = list(log.steps)
    while isinstance(task := next_task(ground.strategy, steps, alpha, most), Task):
        candidate = ground.candidate(task.candidate)
        before(task, candidate, reliability(steps))
        counted = {cell for step in steps for cell in step.cells}
        step = _step(task, candidate, *_attempts(task, candidate.subject, trials, kept, counted))
        log.append(step)
        steps.append(step)
        after(step)
    return Outcome(task, steps)


def _attempts(
    task: Task, subject: Subject, trials: Trials, kept: Kept, counted: Collection[str]
) -> tuple[list[dict[str, Any]], str]:
    """Attempts of this step: those that it left when it was cut short, and those that are missing.

    With them comes why there are none, or all of them in vain.
    """
    records = [record for record in kept(subject) if record["cell"] not in counted]
    for _ in range(ROUNDS):
        had = _grade(records)
        if had.runs >= task.runs or (had.runs and task.enough(had)):
            break
        try:
            more = trials(subject, task.runs - had.runs, lambda grade, had=had: task.enough(_sum(had, grade)))  # type: ignore[misc]
        except SpecError as error:
            # a commit may have an option that the kernel's entry leaves out, for example
            return records, str(error)
        records += more.records
        if more.unusable:
            return records, more.unusable
        if _grade(records) == had:
            break
    return records, ""


def _grade(records: Sequence[dict[str, Any]]) -> Grade:
    """Give the grade of attempts; one that ended by another crash tells nothing, as the bug may have come after it."""
    shown = sum(record["shown"]["shown"] is True for record in records)
    quiet = sum(record["shown"]["shown"] is False and record["verdict"] not in CUT_SHORT for record in records)
    return Grade(shown, shown + quiet)


def _step(task: Task, candidate: Candidate, records: Sequence[dict[str, Any]], unusable: str) -> Step:
    grade = _grade(records)
    showing = [record for record in records if record["shown"]["shown"]]
    step = Step(
        role=task.role,
        candidate=candidate.id,
        name=candidate.name,
        answer="bad" if showing else "good",
        grade=grade,
        alpha=task.alpha,
        cells=tuple(record["cell"] for record in records),
        showing=tuple(record["cell"] for record in showing),
        sign=showing[0]["shown"]["sign"] if showing else "",
    )
    if showing or grade.runs >= task.runs:
        return step
    in_vain = [record for record in records if record["shown"]["shown"] is None or record["verdict"] in CUT_SHORT]
    last = f": {in_vain[-1]['shown']['sign'] or in_vain[-1]['reason']}" if in_vain else ""
    why = unusable or f"only {grade.runs} of {task.runs} attempts could be judged{last}"
    return replace(step, answer="skip", alpha=0.0, why=why)


def _sum(one: Grade, other: Grade) -> Grade:
    return Grade(one.shown + other.shown, one.runs + other.runs)
