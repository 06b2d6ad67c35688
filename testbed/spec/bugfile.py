# SPDX-License-Identifier: GPL-2.0-only
"""From a bug's name or file to the checked bug."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from testbed.errors import SpecError
from testbed.spec.bug import BugSpec, Outcome
from testbed.spec.bugkernel import KernelField, read_kernel
from testbed.spec.bugsign import AmplifyField, SignField, read_amplify, read_signs
from testbed.spec.bugworkload import WorkloadFields, read_workload
from testbed.spec.document import Document, read_document
from testbed.spec.filemodel import FileModel, OneOrMore, Prose, Scale, validate
from testbed.spec.hints import unknown
from testbed.spec.kernel import OWN, KernelSpec, resolve_kernel
from testbed.spec.scenariofields import check_pattern
from testbed.spec.tree import BUGS, Tree, check_name

__all__ = ["is_bug", "list_bugs", "load_bug", "refuse_bug"]

ATTEMPTS = 10


def list_bugs(root: Path) -> tuple[str, ...]:
    """Return the names of all bugs of the checkout, such as ``bugs/server-vmpte-110g``."""
    return Tree(root).bugs()


def is_bug(root: Path, target: str | Path) -> bool:
    """Tell a bug from a scenario: by its name, its folder, or the signature that only a bug has."""
    path = Path(target)
    if path.suffix not in (".yaml", ".yml"):
        return str(target).partition("/")[0] == BUGS
    if path.resolve().parent == Tree(root).scenarios_folder.resolve() / BUGS:
        return True
    return path.is_file() and "\nsignature:" in f"\n{path.read_text(errors='replace')}"


def refuse_bug(root: Path, target: str | Path) -> None:
    """Raise SpecError where a scenario is wanted and ``target`` is a bug, or looks like the name of one."""
    if is_bug(root, target):
        if not str(target).endswith((".yaml", ".yml")):
            Tree(root).bug_file(str(target))
        raise SpecError(f"{target} is a bug; bugs are run by ./tb reproduce {target}")


def load_bug(root: Path, name_or_path: str | Path) -> BugSpec:
    """Return one bug, by name (``bugs/server-vmpte-110g``) or by the path of a YAML file anywhere."""
    tree = Tree(root)
    by_path = isinstance(name_or_path, Path) or name_or_path.endswith((".yaml", ".yml"))
    path = Path(name_or_path) if by_path else tree.bug_file(str(name_or_path))
    document = read_document(root, path)
    bug = validate(document, _BugFile)
    stem, folder = _stem(tree, document, path), path.resolve().parent
    title = " ".join(bug.title.split())
    scenario, programs = read_workload(tree, document, bug, folder, stem, title)
    reported = read_kernel(root, document, bug.kernel, folder, stem)
    outcomes = _outcomes(tree, document, bug, reported)
    named = [_kernel(root, name, reported) for name in outcomes if not _is_pattern(name)]
    spec = BugSpec(
        name=scenario.name,
        title=title,
        report=bug.report,
        scenario=scenario,
        scale=bug.scale,
        kernels=tuple(named),
        signs=read_signs(document, bug.signature, scenario.phases),
        attempts=bug.attempts,
        amplify=read_amplify(bug.amplify),
        outcomes=outcomes,
        where=document.where(),
        programs=programs,
    )
    if reported not in named:
        spec = replace(spec, kernels=(reported, *named))
    if spec.outcome_for(reported.name) is None:
        spec = replace(spec, outcomes={reported.name: Outcome("reproduced"), **outcomes})
    return spec


class _Gap(FileModel):
    gap: Prose = Field(description="why the kernel still has the bug")


_OutcomeField = Annotated[
    Annotated[Literal["reproduced", "gone"], Tag("outcome:word")] | Annotated[_Gap, Tag("outcome:gap")],
    Discriminator(lambda data: "outcome:gap" if isinstance(data, dict) else "outcome:word"),
]


class _BugFile(WorkloadFields):
    title: Prose = Field(description="the bug in one line")
    report: Prose = Field(description="the message id or URL of the report")
    kernel: KernelField = Field(description="what it was reported on, like vanilla-6.12")
    signature: OneOrMore[SignField] = Field(description="a list of signs, like - metric: after.left_over.pte > 1000")
    scale: Scale = "small"
    attempts: Annotated[int, Field(ge=1)] = ATTEMPTS
    amplify: AmplifyField = Field(default_factory=AmplifyField)
    expect: dict[str, _OutcomeField] = Field(default_factory=dict)


def _stem(tree: Tree, document: Document, path: Path) -> str:
    """Return what the bug is called below ``bugs/``; a file of another folder of scenarios is no bug's."""
    try:
        stem = check_name(path.resolve().stem)
    except ValueError as problem:
        raise document.error(f"{problem}; rename the file") from None
    folder = tree.scenarios_folder.resolve()
    if path.resolve().is_relative_to(folder) and path.resolve().parent != folder / BUGS:
        raise document.error("a bug's file stands in scenarios/bugs/ or outside of scenarios/; move it")
    return stem


def _outcomes(tree: Tree, document: Document, bug: _BugFile, reported: KernelSpec) -> Mapping[str, Outcome]:
    """Return what is expected by kernel or pattern; every name is one of a kernel that there is."""
    found = {}
    for name, field in bug.expect.items():
        if _is_pattern(name):
            check_pattern(tree, document, "expect", name)
        elif OWN in name and name != reported.name:
            own = [reported.name] if OWN in reported.name else []
            message = f"{unknown('kernel', name, own)} (kernels that this file makes)"
            raise document.error(message, "expect", name, key=True)
        elif name != reported.name:
            try:
                resolve_kernel(tree.root, name)
            except SpecError as problem:
                raise document.error(problem, "expect", name, key=True) from None
        found[name] = Outcome("reproduced", field.gap) if isinstance(field, _Gap) else Outcome(field)
    return found


def _kernel(root: Path, name: str, reported: KernelSpec) -> KernelSpec:
    return reported if name == reported.name else resolve_kernel(root, name)


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")
