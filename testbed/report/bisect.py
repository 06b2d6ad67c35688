# SPDX-License-Identifier: GPL-2.0-only
"""A bisection for a person: each step in a line, and at the end what the bug came with and what speaks for it."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.judge.bisection import Step, Task, doubt, evidence, reliability
from testbed.judge.grade import Grade
from testbed.judge.linesearch import Found, Lost
from testbed.store.folder import RunFolder

__all__ = ["found_lines", "lost_line", "resume_line", "step_line", "task_line"]

#: As many cells are named of those that show the bug.
NAMED = 2


def task_line(task: Task, name: str, grade: Grade) -> str:
    """Say what is going to be done."""
    if task.role == "bad end":
        return f"bad end: {name}, at most {task.runs} runs"
    known = f"it shows in {grade.shown} of {grade.runs} where it is"
    runs = f"{task.runs} runs more" if task.role == "proof" else f"{task.runs} runs"
    return f"{task.role}: {name}, {runs} if it stays quiet ({known})"


def step_line(step: Step) -> str:
    """Say how a step ended."""
    counted = f"{step.grade.shown} of {step.grade.runs}"
    match step.answer:
        case "skip":
            return f"  skipped: {step.why}"
        case "bad":
            return f"  bad: {counted}: {step.sign}"
        case "good":
            return f"  good: {counted}"


def lost_line(lost: Lost) -> str:
    """Say in a line why there is nothing to be found."""
    return f"not found: {lost.reason}"


def found_lines(over: str, found: Found, steps: Sequence[Step], folder: RunFolder) -> Iterator[str]:
    """Give the first bad one, the evidence from both sides, the doubt that is left, and how to hand it on."""
    bad = evidence(steps, found.first_bad)
    yield f"first bad of {over}: {bad.name}"
    yield f"  bad:  {_counted(bad)}: {bad.sign}"
    for cell in bad.showing[:NAMED]:
        yield f"        {folder.cell(cell)}"
    for candidate in found.last_good:
        good = evidence(steps, candidate)
        yield f"  good: {good.name}: {_counted(good)}"
        yield f"        {folder.cell(good.cells[-1])}"
    if found.between:
        yield "  between them, and perhaps the first bad one instead:"
        for candidate in found.between:
            skipped = evidence(steps, candidate)
            yield f"        {skipped.name}: {skipped.why}"
    grade, left = reliability(steps), doubt(found, steps)
    known = f"it shows in {grade.shown} of {grade.runs} where it is"
    yield f"  doubt: had the last good one the bug, {left:.1%} would be the chance that it is so quiet ({known})"
    runs = sum(len(step.cells) for step in steps)
    yield f"{len(steps)} steps, {runs} attempts; log: {folder.path / 'bisect.jsonl'}"
    yield f"bundle it: ./tb bundle {shlex.quote(str(folder.path))} {shlex.quote(bad.showing[0])}"


def _counted(step: Step) -> str:
    return f"{step.grade.shown} of {step.grade.runs} runs show it"


def resume_line(bug: str, path: Path) -> str:
    """Say how an interrupted bisection is gone on with."""
    return f"go on with: ./tb bisect {shlex.quote(bug)} --resume {shlex.quote(str(path))}"
