# SPDX-License-Identifier: GPL-2.0-only
"""What a bug file runs: a scenario with some things changed, a C program beside the file, or lines for the shell."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from testbed.errors import SpecError
from testbed.spec.bug import BUG_KIND
from testbed.spec.document import Document
from testbed.spec.filemodel import FileModel, InScales, Prose
from testbed.spec.guest import Program, Script
from testbed.spec.hints import unknown
from testbed.spec.param import ParamKind, ParamValue, common_kind, parse_like, parse_param
from testbed.spec.scale import Scaled
from testbed.spec.scenario import ScenarioSpec
from testbed.spec.scenariofields import (
    DeadlineField,
    EnvField,
    MemoryField,
    PhasesField,
    check_guest,
    check_names,
    check_workload,
    default_phases,
)
from testbed.spec.scenariofile import load_scenario
from testbed.spec.tree import BUGS, SUITES, Tree, check_name

__all__ = ["ParamsField", "WorkloadFields", "read_workload"]

#: As they stand in the file: of what kind they are, the scenario may say.
ParamsField = dict[str, InScales[Any]]
_SOURCES = ("scenario", "workload", "shell")
_FROM_SCENARIO = ("phases", "env", "may_die")


class WorkloadFields(FileModel):
    """The keys of a bug file that say what is run."""

    scenario: str | None = None
    workload: Annotated[str, AfterValidator(check_name)] | None = None
    shell: Prose | None = None
    guest: str | None = None
    params: ParamsField = Field(default_factory=dict)
    memory: MemoryField | None = None
    deadline: DeadlineField | None = None
    phases: PhasesField | None = None
    env: EnvField | None = None
    may_die: bool | None = None


def read_workload(
    tree: Tree, document: Document, fields: WorkloadFields, folder: Path, stem: str, title: str
) -> tuple[ScenarioSpec, tuple[Program, ...]]:
    """Return what is run as a scenario of kind ``bug``, and the programs that the guest lacks for it.

    ``folder`` is the bug file's, ``stem`` its name without ``bugs/``. SpecError for what is unknown or does not fit.
    """
    given = [key for key in _SOURCES if getattr(fields, key) is not None]
    if not given:
        raise document.error("nothing is run; add one of scenario: NAME, workload: NAME and shell: |")
    if len(given) > 1:
        last = max(given, key=lambda key: document.line((key,), key=True))
        raise document.error(f"{' and '.join(given)}: only one of them can be run; keep one", last, key=True)
    if fields.guest is not None:
        check_guest(tree, document, fields.guest)
    if fields.scenario is not None:
        scenario, programs = _changed(tree, document, fields, fields.scenario, folder), tuple[Program, ...]()
    else:
        scenario, programs = _own(tree, document, fields, folder, stem)
    named = replace(
        scenario,
        name=f"{BUGS}/{stem}",
        kind=BUG_KIND,
        source=title,
        expect={},
        known_gap={},
        where=document.where(),
    )
    return named, programs


def _changed(tree: Tree, document: Document, fields: WorkloadFields, name: str, folder: Path) -> ScenarioSpec:
    """The scenario that is named, with parameters, memory, deadline and guest as the bug wants them."""
    for key in _FROM_SCENARIO:
        if getattr(fields, key) is not None:
            raise document.error(f"{key}: the scenario has its own; leave the key out", key, key=True)
    if name.partition("/")[0] in (SUITES, BUGS):
        raise document.error(f"{name} is no scenario; name one like benign/dontneed-loop", "scenario")
    by_path = name.endswith((".yaml", ".yml"))
    if not by_path:
        try:
            tree.scenario_file(name)
        except SpecError as problem:
            raise document.error(problem, "scenario") from None
    elif not (folder / name).is_file():
        raise document.error(f"no such file: {name} (relative to the bug file); check the path", "scenario")
    base = load_scenario(tree.root, folder / name if by_path else name)
    params = dict(base.params)
    for key, field in fields.params.items():
        if key not in base.params:
            raise document.error(f"{unknown('parameter', key, base.params)} (of {name})", "params", key, key=True)
        kind = common_kind(base.params[key].small, base.params[key].full)
        params[key] = _param(document, key, field, kind)
    return replace(
        base,
        guest=fields.guest or base.guest,
        params=params,
        memory=fields.memory.scaled() if fields.memory else base.memory,
        deadline=fields.deadline.scaled() if fields.deadline else base.deadline,
    )


def _own(
    tree: Tree, document: Document, fields: WorkloadFields, folder: Path, stem: str
) -> tuple[ScenarioSpec, tuple[Program, ...]]:
    """A workload of the bug's own, or one of the guests' with other phases or parameters."""
    if fields.guest is None:
        raise document.error("missing key 'guest': a guest of guests/, like minimal")
    if fields.deadline is None:
        raise document.error("missing key 'deadline': how long the cell may take on KVM, like 60s")
    check_names(document, fields.params, fields.env or {})
    workload, programs = _program(tree, document, fields, folder, stem)
    scenario = ScenarioSpec(
        name=stem,
        kind=BUG_KIND,
        source="",
        guest=fields.guest,
        workload=workload,
        params={key: _param(document, key, field, None) for key, field in fields.params.items()},
        env=fields.env or {},
        phases=tuple(fields.phases or default_phases()),
        memory=fields.memory.scaled() if fields.memory else None,
        deadline=fields.deadline.scaled(),
        may_die=bool(fields.may_die),
        expect={},
        known_gap={},
        where=document.where(),
    )
    return scenario, programs


def _program(
    tree: Tree, document: Document, fields: WorkloadFields, folder: Path, stem: str
) -> tuple[str, tuple[Program, ...]]:
    """The workload's name in the guest, and what the guest's image needs to have it."""
    if fields.shell is not None:
        script = Script(f"{stem}.sh", f"{fields.shell}\n")
        return script.name, (script,)
    workload = fields.workload or ""
    beside = folder / f"{workload}.c"
    if not beside.is_file():
        check_workload(tree, document, workload, f"guests/workloads/*.c, or {workload}.c beside the bug file")
        return workload, ()
    if workload in tree.workloads():
        message = f"{workload}.c stands beside the bug file and in guests/workloads/; rename the one of the bug"
        raise document.error(message, "workload")
    return workload, (beside,)


def _param(document: Document, key: str, field: InScales[Any], kind: ParamKind | None) -> Scaled[ParamValue]:
    """A parameter in both scales, of the kind that the scenario declares where there is one."""
    found = {}
    for scale, value in (("small", field.small), ("full", field.full)):
        scaled = isinstance(document.data["params"][key], dict)
        try:
            found[scale] = parse_param(value) if kind is None else parse_like(kind, value)
        except ValueError as problem:
            subject = f"{key}.{scale}" if scaled else key
            raise document.error(f"{subject}: {problem}", "params", key, scale) from None
    try:
        common_kind(found["small"], found["full"])
    except ValueError as problem:
        raise document.error(f"{key}: {problem}", "params", key) from None
    return Scaled(found["small"], found["full"])
