# SPDX-License-Identifier: GPL-2.0-only
"""From a scenario's name or file to the checked scenario."""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from testbed.spec.document import Document, read_document
from testbed.spec.expectation import Expectation, Gap, parse_expectation
from testbed.spec.filemodel import FileModel, InScales, OneOrMore, Prose, validate
from testbed.spec.hints import describe, near, unknown
from testbed.spec.kernel import load_kernels
from testbed.spec.param import ParamValue, check_line, common_kind, parse_param
from testbed.spec.scenario import ScenarioSpec
from testbed.spec.tree import KINDS, Tree, check_name
from testbed.spec.units import parse_duration, parse_memory

__all__ = ["list_scenarios", "load_scenario"]

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_PARAM = re.compile(r"[a-z][a-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def list_scenarios(root: Path) -> tuple[str, ...]:
    """Return the names of all scenarios of the checkout."""
    return Tree(root).scenarios()


def load_scenario(root: Path, name_or_path: str | Path) -> ScenarioSpec:
    """Return one scenario, by name (``benign/dontneed-loop``) or by the path of a YAML file anywhere."""
    tree = Tree(root)
    by_path = isinstance(name_or_path, Path) or name_or_path.endswith((".yaml", ".yml"))
    path = Path(name_or_path) if by_path else tree.scenario_file(str(name_or_path))
    document = read_document(root, path)
    scenario = validate(document, _ScenarioFile)
    name, kind = _name_and_kind(tree, path, document, scenario)
    _check_references(tree, document, scenario)
    _check_patterns(tree, document, scenario)
    return ScenarioSpec(
        name=name,
        kind=kind,
        source=scenario.source,
        guest=scenario.guest,
        workload=scenario.workload,
        params={name: param.scaled() for name, param in scenario.params.items()},
        env=scenario.env,
        phases=tuple(scenario.phases),
        memory=scenario.memory.scaled() if scenario.memory else None,
        deadline=scenario.deadline.scaled(),
        may_die=scenario.may_die,
        expect=_expectations(document, scenario),
        known_gap=_gaps(document, scenario),
        where=document.where(),
    )


def _phase(name: str) -> str:
    if not _WORD.fullmatch(name) or name == "exit":
        raise ValueError(f"{name!r} is no phase; phases are small letters, digits and '_', and not 'exit'")
    return name


def _distinct(phases: list[str]) -> list[str]:
    twice = next((name for at, name in enumerate(phases) if name in phases[:at]), None)
    if twice:
        raise ValueError(f"{twice!r} stands there twice; each phase has a name of its own")
    return phases


def _variable(value: object) -> str:
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError(f"{describe(value)} is no value of a variable; put it in quotes")
    return check_line(str(value))


class _Param(InScales[Annotated[ParamValue, BeforeValidator(parse_param)]]):
    @model_validator(mode="after")
    def _same_kind(self) -> "_Param":
        common_kind(self.small, self.full)
        return self


class _Gap(FileModel):
    expect: Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]
    reason: Prose = Field(description="what is missing, and where it is going to be done")


class _ScenarioFile(FileModel):
    source: Prose = Field(description="where the workload comes from, in prose")
    kind: Literal["benign", "malicious", "stress"] | None = None
    guest: str = Field(description="a guest of guests/, like minimal")
    workload: str = Field(description="a C file of guests/workloads/, without .c")
    memory: InScales[Annotated[int, BeforeValidator(parse_memory)]] | None = None
    params: dict[str, _Param] = Field(default_factory=dict)
    env: dict[str, Annotated[str, BeforeValidator(_variable)]] = Field(default_factory=dict)
    phases: Annotated[OneOrMore[Annotated[str, AfterValidator(_phase)]], AfterValidator(_distinct)] = Field(
        default_factory=lambda: ["start", "peak", "after"]
    )
    deadline: InScales[Annotated[float, BeforeValidator(parse_duration)]] = Field(
        description="how long the cell may take on KVM, like 60s"
    )
    expect: dict[str, list[str]] = Field(default_factory=dict)
    known_gap: dict[str, _Gap] = Field(default_factory=dict)
    may_die: bool = False


def _name_and_kind(tree: Tree, path: Path, document: Document, scenario: _ScenarioFile) -> tuple[str, str]:
    """Return name and kind: of a file in the checkout its place says both, elsewhere ``kind:`` is needed."""
    file, folder = path.resolve(), tree.scenarios_folder.resolve()
    try:
        check_name(file.stem)
    except ValueError as problem:
        raise document.error(f"{problem}; rename the file") from None
    if not file.is_relative_to(folder):
        if scenario.kind is None:
            raise document.error(f"missing key 'kind': outside of scenarios/ it says which of {', '.join(KINDS)}")
        return f"{scenario.kind}/{file.stem}", scenario.kind
    place = file.relative_to(folder).parts[0]
    if place not in KINDS:
        raise document.error(f"{place!r} is no folder of scenarios; scenarios are below {', '.join(KINDS)}")
    if scenario.kind not in (None, place):
        raise document.error(f"kind is {scenario.kind}, but the folder is {place}; leave it out", "kind")
    return file.relative_to(folder).with_suffix("").as_posix(), place


def _check_references(tree: Tree, document: Document, scenario: _ScenarioFile) -> None:
    """Everything that the scenario names exists, and every name can travel to the guest."""
    if scenario.guest not in tree.guests():
        raise document.error(unknown("guest", scenario.guest, tree.guests()), "guest")
    if scenario.workload not in tree.workloads():
        message = f"{unknown('workload', scenario.workload, tree.workloads())} (guests/workloads/*.c)"
        raise document.error(message, "workload")
    for key in scenario.params:
        if not _PARAM.fullmatch(key):
            message = f"{key!r} is no parameter's name; small letters, digits, '_' and '-', like span"
            raise document.error(message, "params", key, key=True)
    for key in scenario.env:
        if not _VARIABLE.fullmatch(key):
            message = f"{key!r} is no variable's name; letters, digits and '_', like MALLOC_CONF"
            raise document.error(message, "env", key, key=True)


def _check_patterns(tree: Tree, document: Document, scenario: _ScenarioFile) -> None:
    """Refuse a pattern that means a kernel and misses it: nothing would be expected of that kernel, silently.

    A pattern that is like no kernel at all is let through: that kernel may be in another checkout's list.
    """
    kernels = load_kernels(tree.root) if tree.kernels_file.exists() else {}
    families = {name.split("-")[0] for name in kernels}
    for section, patterns in (("expect", scenario.expect), ("known_gap", scenario.known_gap)):
        for pattern in patterns:
            family = re.split(r"[-*?\[]", pattern)[0]
            meant = near(family, families)
            if family not in families and meant and not any(fnmatchcase(name, pattern) for name in kernels):
                message = f"pattern {pattern!r} matches no kernel; did you mean '{meant}-*'?"
                raise document.error(message, section, pattern, key=True)


def _expectations(document: Document, scenario: _ScenarioFile) -> dict[str, tuple[Expectation, ...]]:
    return {
        pattern: _parsed(document, scenario, texts, "expect", pattern) for pattern, texts in scenario.expect.items()
    }


def _gaps(document: Document, scenario: _ScenarioFile) -> dict[str, Gap]:
    return {
        pattern: Gap(
            _parsed(document, scenario, gap.expect, "known_gap", pattern, "expect"),
            gap.reason,
            document.where("known_gap", pattern, key=True),
        )
        for pattern, gap in scenario.known_gap.items()
    }


def _parsed(document: Document, scenario: _ScenarioFile, texts: list[str], *loc: str) -> tuple[Expectation, ...]:
    found = []
    for at, text in enumerate(texts):
        try:
            found.append(parse_expectation(text, scenario.phases, document.where(*loc, at)))
        except ValueError as problem:
            raise document.error(problem, *loc, at) from None
    return tuple(found)
