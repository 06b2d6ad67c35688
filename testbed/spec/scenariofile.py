# SPDX-License-Identifier: GPL-2.0-only
"""From a scenario's name or file to the checked scenario."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from testbed.spec.document import Document, read_document
from testbed.spec.expectation import Expectation, Gap
from testbed.spec.filemodel import FileModel, InScales, Prose, validate
from testbed.spec.param import ParamValue, common_kind, parse_param
from testbed.spec.scenario import ScenarioSpec
from testbed.spec.scenariofields import (
    Conditions,
    DeadlineField,
    EnvField,
    MemoryField,
    PhasesField,
    check_guest,
    check_names,
    check_pattern,
    check_workload,
    default_phases,
    parsed,
)
from testbed.spec.tree import KINDS, Tree, check_name

__all__ = ["list_scenarios", "load_scenario"]


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
    check_guest(tree, document, scenario.guest)
    check_workload(tree, document, scenario.workload)
    check_names(document, scenario.params, scenario.env)
    for section, patterns in (("expect", scenario.expect), ("known_gap", scenario.known_gap)):
        for pattern in patterns:
            check_pattern(tree, document, section, pattern)
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


class _Param(InScales[Annotated[ParamValue, BeforeValidator(parse_param)]]):
    @model_validator(mode="after")
    def _same_kind(self) -> "_Param":
        common_kind(self.small, self.full)
        return self


class _Gap(FileModel):
    expect: Conditions
    reason: Prose = Field(description="what is missing, and where it is going to be done")


class _ScenarioFile(FileModel):
    source: Prose = Field(description="where the workload comes from, in prose")
    kind: Literal["benign", "malicious", "stress"] | None = None
    guest: str = Field(description="a guest of guests/, like minimal")
    workload: str = Field(description="a C file of guests/workloads/, without .c")
    memory: MemoryField | None = None
    params: dict[str, _Param] = Field(default_factory=dict)
    env: EnvField = Field(default_factory=dict)
    phases: PhasesField = Field(default_factory=default_phases)
    deadline: DeadlineField = Field(description="how long the cell may take on KVM, like 60s")
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


def _expectations(document: Document, scenario: _ScenarioFile) -> dict[str, tuple[Expectation, ...]]:
    return {
        pattern: parsed(document, scenario.phases, texts, "expect", pattern)
        for pattern, texts in scenario.expect.items()
    }


def _gaps(document: Document, scenario: _ScenarioFile) -> dict[str, Gap]:
    return {
        pattern: Gap(
            parsed(document, scenario.phases, gap.expect, "known_gap", pattern, "expect"),
            gap.reason,
            document.where("known_gap", pattern, key=True),
        )
        for pattern, gap in scenario.known_gap.items()
    }
