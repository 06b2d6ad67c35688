# SPDX-License-Identifier: GPL-2.0-only
"""A cell from the JSON of :mod:`testbed.run.bundle.stored`.

It may be a bundle's, and that comes from anywhere: each word is checked before it becomes part of a path, a command or
an expression.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from testbed.errors import SpecError
from testbed.run.bundle.stored import SCHEMA
from testbed.run.plan import Cell
from testbed.spec import (
    BoundScenario,
    BugSpec,
    CrashSign,
    Expectation,
    Gap,
    GuestSpec,
    KernelSpec,
    Outcome,
    ScenarioSpec,
    Sign,
    SuiteTest,
    TreeSource,
)
from testbed.spec.bug import Prospect
from testbed.spec.bugsign import AmplifyField, SignField, read_amplify
from testbed.spec.expectation import parse_expectation
from testbed.spec.scale import Scaled

__all__ = ["cell_of", "unbound", "validated"]

LONGEST = 512
MOST_MEMORY = 1 << 40
_PHASE = re.compile(r"[\w-]{1,64}", re.ASCII)


def _plain(text: str) -> str:
    """Refuse what ends a line or a string where none should end."""
    if not text.isprintable() or len(text) > LONGEST:
        raise ValueError(f"{text[:40]!r} is no text of one line")
    return text


def _path(text: str) -> str:
    """Refuse what leaves a folder; names of cells and of programs have parts between slashes."""
    _plain(text)
    if not text or any(part in ("", ".", "..") for part in text.split("/")):
        raise ValueError(f"{text!r} is no name")
    return text


def _phase(text: str) -> str:
    if not _PHASE.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a phase")
    return text


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Text = Annotated[str, AfterValidator(_plain)]
Prose = Annotated[str, Field(max_length=1 << 16)]
Name = Annotated[str, AfterValidator(_path)]
Phases = list[Annotated[str, AfterValidator(_phase)]]
Memory = Annotated[int, Field(ge=16 << 20, le=MOST_MEMORY)]


class _Guest(_Model):
    name: Name
    memory_bytes: Memory
    vcpus: Annotated[int, Field(ge=1, le=64)]
    levels: Annotated[int, Field(ge=4, le=5)]


class _Gap(_Model):
    expectations: list[Text]
    reason: Prose


class _Test(_Model):
    name: Text
    program: Name
    baseline: Text
    skip: Prose


class _Scenario(_Model):
    name: Name
    label: Name
    kind: Name
    scale: Text
    guest: Name
    workload: Name
    argv: list[Text]
    params: dict[Text, int | Text]
    env: dict[Text, Text]
    phases: Phases
    memory_bytes: Memory | None
    deadline_s: Annotated[float, Field(gt=0, le=1e6)]
    may_die: bool
    expect: dict[Text, list[Text]]
    known_gap: dict[Text, _Gap]
    test: _Test | None


class _Outcome(_Model):
    prospect: Prospect
    gap: Prose


class _Bug(_Model):
    name: Name
    title: Prose
    report: Prose
    attempts: Annotated[int, Field(ge=1, le=10_000)]
    signs: list[SignField]
    amplify: AmplifyField
    outcomes: dict[Text, _Outcome]


class _Cell(_Model):
    schema_: Annotated[int, Field(alias="schema", ge=SCHEMA, le=SCHEMA)]
    kernel: Name
    guest: _Guest
    scenario: _Scenario
    attempt: Annotated[int, Field(ge=1)]
    bug: _Bug | None


def cell_of(data: Any, where: str) -> Cell:
    """Give the cell of :func:`stored`'s object; SpecError, beginning with ``where``, for anything else.

    Its kernel and guest have no sources: their images are elsewhere.
    """
    cell = validated(_Cell, data, where)
    scenario = _scenario(cell.scenario, where)
    guest, kernel = cell.guest, cell.kernel
    return Cell(
        KernelSpec(kernel, TreeSource(Path("/nonexistent")), None, (), "", where),
        GuestSpec(guest.name, guest.memory_bytes, guest.vcpus, guest.levels, (), where),
        scenario,
        cell.attempt,
        _bug(cell.bug, scenario, where) if cell.bug else None,
    )


def validated(model: Any, data: Any, where: str) -> Any:
    """Give what a pydantic type makes of ``data``; SpecError in one line for what it does not take."""
    try:
        return TypeAdapter(model).validate_python(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        at = ".".join(map(str, first["loc"]))
        raise SpecError(f"{where}: {at or 'all of it'}: {first['msg']}") from None


def _scenario(form: _Scenario, where: str) -> BoundScenario:
    phases, test = tuple(form.phases), form.test
    return BoundScenario(
        name=form.name,
        label=form.label,
        kind=form.kind,
        scale=form.scale,
        guest=form.guest,
        workload=form.workload,
        argv=tuple(form.argv),
        params=form.params,
        env=form.env,
        phases=phases,
        memory_bytes=form.memory_bytes,
        deadline_s=form.deadline_s,
        may_die=form.may_die,
        expect={pattern: _parsed(texts, phases, where) for pattern, texts in form.expect.items()},
        known_gap={
            pattern: Gap(_parsed(gap.expectations, phases, where), gap.reason, where)
            for pattern, gap in form.known_gap.items()
        },
        where=where,
        test=SuiteTest(test.name, test.program, test.baseline, test.skip) if test else None,
    )


def _bug(form: _Bug, scenario: BoundScenario, where: str) -> BugSpec:
    return BugSpec(
        name=form.name,
        title=form.title,
        report=form.report,
        scenario=unbound(scenario),
        scale=scenario.scale,
        kernels=(),
        signs=tuple(_sign(sign, scenario.phases, where) for sign in form.signs),
        attempts=form.attempts,
        amplify=read_amplify(form.amplify),
        outcomes={name: Outcome(each.prospect, each.gap) for name, each in form.outcomes.items()},
        where=where,
    )


def _sign(form: SignField, phases: Sequence[str], where: str) -> Sign:
    if form.metric is not None:
        return Sign(metrics=_parsed(form.metric, phases, where))
    if form.crash is not None:
        return Sign(crash=CrashSign(form.crash.kind, form.crash.title, form.crash.report))
    return Sign(said=form.said)


def unbound(scenario: BoundScenario) -> ScenarioSpec:
    """Give the scenario of which this is the only case."""
    memory, deadline = scenario.memory_bytes, scenario.deadline_s
    return ScenarioSpec(
        name=scenario.name,
        kind=scenario.kind,
        source="",
        guest=scenario.guest,
        workload=scenario.workload,
        params={},
        env=scenario.env,
        phases=scenario.phases,
        memory=Scaled(memory, memory) if memory else None,
        deadline=Scaled(deadline, deadline),
        may_die=scenario.may_die,
        expect=scenario.expect,
        known_gap=scenario.known_gap,
        where=scenario.where,
    )


def _parsed(texts: Sequence[str], phases: Sequence[str], where: str) -> tuple[Expectation, ...]:
    try:
        return tuple(parse_expectation(text, phases, where) for text in texts)
    except ValueError as problem:
        raise SpecError(f"{where}: {problem}") from None
