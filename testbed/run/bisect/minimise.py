# SPDX-License-Identifier: GPL-2.0-only
"""A bug's workload and guest made as small as they can be while it shows about as reliably as before.

One number after another: the workload's parameters in the order of the file, then vCPUs, then memory. Each is judged
with those before it already small, so that what comes out at the end is what was tried last and held.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from testbed.judge.bisection import known_well
from testbed.judge.grade import Grade
from testbed.judge.shrink import Still, shrink
from testbed.run.reproduce.subject import Enough, Graded, Subject, Trials
from testbed.spec import BugSpec, format_size
from testbed.store.durable import append_lines

__all__ = ["MEMORY", "VCPUS", "Minimised", "Try", "minimise"]

LOG = "minimise.jsonl"
PAGE, MIB = 4096, 1 << 20
#: Below that no kernel of ours boots.
LEAST_MEMORY = 64 * MIB
# With a blank, which no parameter has in its name.
VCPUS, MEMORY = "guest vCPUs", "guest memory"


@dataclass(frozen=True)
class Shape:
    """Numbers by what they are called: parameters of the workload, and the two of the guest."""

    params: Mapping[str, int]
    vcpus: int
    memory: int

    def value(self, what: str) -> int:
        """Give one of them."""
        return {VCPUS: self.vcpus, MEMORY: self.memory}.get(what, self.params.get(what, 0))

    def with_value(self, what: str, value: int) -> "Shape":
        """Give the same with one of them changed."""
        if what == VCPUS:
            return replace(self, vcpus=value)
        if what == MEMORY:
            return replace(self, memory=value)
        return replace(self, params={**self.params, what: value})


@dataclass(frozen=True)
class _Number:
    """What may be made smaller, down to ``least``, by multiples of ``unit``."""

    what: str
    least: int
    unit: int
    size: bool

    def text(self, value: int) -> str:
        return format_size(value) if self.size else str(value)


@dataclass(frozen=True)
class Try:
    """A number that was tried; ``held`` where the bug still shows, ``why`` it could not be judged."""

    what: str
    was: str
    now: str
    held: bool
    grade: Grade
    why: str = ""


@dataclass(frozen=True)
class Minimised:
    """``rows`` are name, what it was and what it is now, as a person writes them; ``changed`` those that are smaller.

    ``before`` and ``now`` are the grades at the start and of what came out. ``spent`` tells that the attempts ran out
    before all was tried.
    """

    rows: tuple[tuple[str, str, str], ...]
    changed: Mapping[str, str]
    before: Grade
    now: Grade
    spent: bool
    attempts: int


class _Counted:
    """Trials that end when so many attempts were made."""

    def __init__(self, trials: Trials, budget: int) -> None:
        self._trials = trials
        self.left = budget

    def __call__(self, subject: Subject, most: int, enough: Enough) -> Graded:
        found = self._trials(subject, min(most, self.left), enough)
        self.left -= len(found.records)
        return found


def minimise(
    bug: BugSpec, subject: Subject, trials: Trials, folder: Path, budget: int, told: Callable[[Try], None]
) -> Minimised | None:
    """Shrink the bug's ``subject`` with at most ``budget`` attempts; None where the bug does not show at all.

    Each number that is tried is a line of ``minimise.jsonl`` in the folder before ``told`` gets it. What trials raise
    goes on to the caller.
    """
    (folder / LOG).touch()
    counted = _Counted(trials, budget)
    numbers = list(_numbers(bug, subject))
    start = now = _shape(subject, numbers)
    first = counted(subject, budget, known_well)
    _note(folder, Try("as it is", "", "", first.grade.shown > 0, first.grade, first.unusable), first)
    if not first.grade.shown:
        return None
    before = grade = first.grade
    for number in numbers:
        was = now.value(number.what)

        def holds(value: int, number: _Number = number, was: int = was, shape: Shape = now) -> bool:
            nonlocal grade
            if counted.left <= 0:
                return False
            found = _tried(counted, _placed(subject, bug, start, shape.with_value(number.what, value)), before)
            held = Still(before).holds(found.grade) is True
            grade = found.grade if held else grade
            tried = Try(number.what, number.text(was), number.text(value), held, found.grade, found.unusable)
            _note(folder, tried, found)
            told(tried)
            return held

        now = now.with_value(number.what, shrink(was, number.least, number.unit, holds))
    rows = [
        (number.what, number.text(start.value(number.what)), number.text(now.value(number.what))) for number in numbers
    ]
    changed = {what: is_now for what, was_then, is_now in rows if was_then != is_now}
    return Minimised(tuple(rows), changed, before, grade, counted.left <= 0, budget - counted.left)


def _tried(trials: Trials, subject: Subject, before: Grade) -> Graded:
    still = Still(before)
    return trials(subject, still.most, lambda grade: still.holds(grade) is not None)


def _numbers(bug: BugSpec, subject: Subject) -> Iterator[_Number]:
    """What is a size or a whole number above its least; words stay."""
    for name, value in subject.scenario.params.items():
        kind = bug.scenario.params[name].at(bug.scale).kind
        if kind == "size" and isinstance(value, int) and value > PAGE:
            yield _Number(name, PAGE, PAGE, size=True)
        elif kind == "int" and isinstance(value, int) and value > 1:
            yield _Number(name, 1, 1, size=False)
    if subject.guest.vcpus > 1:
        yield _Number(VCPUS, 1, 1, size=False)
    yield _Number(MEMORY, LEAST_MEMORY, MIB, size=True)


def _shape(subject: Subject, numbers: list[_Number]) -> Shape:
    named = {number.what for number in numbers}
    params = {name: value for name, value in subject.scenario.params.items() if name in named}
    memory = subject.scenario.memory_bytes or subject.guest.memory_bytes
    return Shape({name: int(value) for name, value in params.items()}, subject.guest.vcpus, memory)


def _placed(subject: Subject, bug: BugSpec, start: Shape, shape: Shape) -> Subject:
    """The subject in another shape; its cells have names of their own."""
    overrides = {name: value for name, value in shape.params.items() if value != start.params[name]}
    scenario = bug.scenario.at(bug.scale, overrides)
    guest = subject.guest
    if (shape.vcpus, shape.memory) != (start.vcpus, start.memory):
        name = f"{guest.name}~{shape.vcpus}x{format_size(shape.memory)}"
        guest = replace(guest, name=name, vcpus=shape.vcpus, memory_bytes=shape.memory)
        scenario = replace(scenario, memory_bytes=shape.memory)
    return replace(subject, guest=guest, scenario=scenario)


def _note(folder: Path, tried: Try, found: Graded) -> None:
    line: dict[str, Any] = {
        "what": tried.what,
        "was": tried.was,
        "now": tried.now,
        "held": tried.held,
        "grade": [tried.grade.shown, tried.grade.runs],
        "cells": [record["cell"] for record in found.records],
        "why": tried.why,
    }
    append_lines(folder / LOG, [json.dumps(line)])
