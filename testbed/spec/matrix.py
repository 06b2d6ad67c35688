# SPDX-License-Identifier: GPL-2.0-only
"""Matrices: which kernels run which scenarios, and at which scale."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from testbed.errors import SpecError
from testbed.spec.binding import load_binding
from testbed.spec.bugfile import refuse_bug
from testbed.spec.document import Document, read_document
from testbed.spec.filemodel import FileModel, OneOrMore, Scale, validate
from testbed.spec.hints import describe
from testbed.spec.kernel import load_kernels, resolve_kernel
from testbed.spec.scenario import BoundScenario
from testbed.spec.tree import Tree

__all__ = ["MatrixSpec", "list_matrices", "load_matrix"]

Overrides = dict[str, int | str]


@dataclass(frozen=True)
class MatrixSpec:
    """Kernels times scenarios; a scenario comes with the parameters that it overrides."""

    name: str
    kernels: tuple[str, ...]
    scenarios: tuple[tuple[str, Overrides], ...]
    scale: str
    where: str


def list_matrices(root: Path) -> tuple[str, ...]:
    """Return the names of all matrices of the checkout."""
    return Tree(root).matrices()


def load_matrix(root: Path, path_or_name: str | Path) -> MatrixSpec:
    """Return one matrix, by name (``quick``) or by path; everything that it names is loaded and checked."""
    by_path = isinstance(path_or_name, Path) or path_or_name.endswith((".yaml", ".yml"))
    path = Path(path_or_name) if by_path else Tree(root).matrix_file(str(path_or_name))
    document = read_document(root, path)
    matrix = validate(document, _MatrixFile)
    _check_kernels(root, document, matrix.kernels)
    return MatrixSpec(
        name=path.stem,
        kernels=tuple(matrix.kernels),
        scenarios=_scenarios(root, document, matrix),
        scale=matrix.scale,
        where=document.where(),
    )


class _MatrixFile(FileModel):
    kernels: OneOrMore[str] = Field(description="a list of kernels, like [vanilla-6.12]")
    scenarios: OneOrMore[Any] = Field(description="a list of scenarios, like - benign/dontneed-loop")
    scale: Scale = "small"


def _check_kernels(root: Path, document: Document, kernels: list[str]) -> None:
    load_kernels(root)  # an error in that file is told with its own line
    for at, name in enumerate(kernels):
        if name in kernels[:at]:
            raise document.error(f"kernel {name!r} stands there twice; keep one", "kernels", at)
        try:
            resolve_kernel(root, name)
        except SpecError as problem:
            raise document.error(problem, "kernels", at) from None


def _scenarios(root: Path, document: Document, matrix: _MatrixFile) -> tuple[tuple[str, Overrides], ...]:
    found: list[tuple[str, Overrides]] = []
    seen: dict[tuple[object, ...], int] = {}
    for at, item in enumerate(matrix.scenarios):
        name, overrides = _entry(document, at, item)
        for bound in _bound(root, document, at, matrix.scale, name, overrides):
            cell = (bound.name, bound.test, bound.argv)
            if cell in seen:
                message = f"cell {bound.label} runs the same as line {seen[cell]}; keep one"
                raise document.error(message, "scenarios", at)
            seen[cell] = document.line(("scenarios", at))
        found.append((name, overrides))
    return tuple(found)


def _entry(document: Document, at: int, item: object) -> tuple[str, Overrides]:
    """Return name and overrides of a list item: a name, or one name with the parameters of a variant."""
    match item:
        case str():
            return item, {}
        case dict() if len(item) == 1:
            [(name, overrides)] = item.items()
            if isinstance(overrides, dict) and overrides:
                return name, overrides
            message = f"must be a mapping of parameters like {{piece: 4KiB}}, not {describe(overrides)}"
            raise document.error(f"{name}: {message}", "scenarios", at, name)
        case _:
            message = f"{describe(item)} is no scenario; write '- NAME' or '- NAME: {{PARAM: VALUE}}'"
            raise document.error(message, "scenarios", at)


def _bound(
    root: Path, document: Document, at: int, scale: str, name: str, overrides: Overrides
) -> tuple[BoundScenario, ...]:
    """Return what a list item runs, once its scenario and each override of it have been found good."""
    try:
        refuse_bug(root, name)
        file = Tree(root).scenario_file(name)
    except SpecError as problem:
        raise document.error(problem, "scenarios", at, name, key=True) from None
    bind = load_binding(root, file)
    for key, value in overrides.items():
        try:
            bind(scale, {key: value})
        except SpecError as problem:
            raise document.error(problem, "scenarios", at, name, key, key=True) from None
    return bind(scale, overrides)
