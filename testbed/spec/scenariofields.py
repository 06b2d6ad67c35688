# SPDX-License-Identifier: GPL-2.0-only
"""Fields that scenarios and bugs have alike, and the checks that both need."""

import re
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from testbed.spec.document import Document
from testbed.spec.expectation import Expectation, parse_expectation
from testbed.spec.filemodel import InScales, OneOrMore
from testbed.spec.hints import describe, near, unknown
from testbed.spec.kernel import load_kernels
from testbed.spec.param import check_line
from testbed.spec.tree import Tree
from testbed.spec.units import parse_duration, parse_memory

__all__ = [
    "Conditions",
    "DeadlineField",
    "EnvField",
    "MemoryField",
    "PhasesField",
    "check_guest",
    "check_names",
    "check_pattern",
    "check_workload",
    "default_phases",
    "parsed",
]

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_PARAM = re.compile(r"[a-z][a-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def default_phases() -> list[str]:
    """Return the phases of a workload that does not name any."""
    return ["start", "peak", "after"]


def check_guest(tree: Tree, document: Document, guest: str) -> None:
    """Raise SpecError, at the key ``guest``, unless there is such a guest."""
    if guest not in tree.guests():
        raise document.error(unknown("guest", guest, tree.guests()), "guest")


def check_workload(tree: Tree, document: Document, workload: str, where: str = "guests/workloads/*.c") -> None:
    """Raise SpecError, at the key ``workload``, unless the guests have such a workload."""
    if workload not in tree.workloads():
        raise document.error(f"{unknown('workload', workload, tree.workloads())} ({where})", "workload")


def check_names(document: Document, params: Iterable[str], env: Iterable[str]) -> None:
    """Raise SpecError unless the names of parameters and variables can travel to the guest."""
    for key in params:
        if not _PARAM.fullmatch(key):
            message = f"{key!r} is no parameter's name; small letters, digits, '_' and '-', like span"
            raise document.error(message, "params", key, key=True)
    for key in env:
        if not _VARIABLE.fullmatch(key):
            message = f"{key!r} is no variable's name; letters, digits and '_', like MALLOC_CONF"
            raise document.error(message, "env", key, key=True)


def check_pattern(tree: Tree, document: Document, section: str, pattern: str) -> None:
    """Refuse a pattern that means a kernel and misses it: nothing would be expected of that kernel, silently.

    A pattern that is like no kernel at all is let through: that kernel may be in another checkout's list.
    """
    kernels = load_kernels(tree.root) if tree.kernels_file.exists() else {}
    families = {name.split("-")[0] for name in kernels}
    family = re.split(r"[-*?\[]", pattern)[0]
    meant = near(family, families)
    if family not in families and meant and not any(fnmatchcase(name, pattern) for name in kernels):
        message = f"pattern {pattern!r} matches no kernel; did you mean '{meant}-*'?"
        raise document.error(message, section, pattern, key=True)


def parsed(document: Document, phases: Collection[str], texts: list[str], *loc: str | int) -> tuple[Expectation, ...]:
    """Return the expectations of a list that stands at ``loc``, or of one that stands there by itself."""
    found = []
    for at, text in enumerate(texts):
        try:
            found.append(parse_expectation(text, phases, document.where(*loc, at)))
        except ValueError as problem:
            raise document.error(problem, *loc, at) from None
    return tuple(found)


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


PhasesField = Annotated[OneOrMore[Annotated[str, AfterValidator(_phase)]], AfterValidator(_distinct)]
EnvField = dict[str, Annotated[str, BeforeValidator(_variable)]]
MemoryField = InScales[Annotated[int, BeforeValidator(parse_memory)]]
DeadlineField = InScales[Annotated[float, BeforeValidator(parse_duration)]]
#: One expectation or a list of them.
Conditions = Annotated[OneOrMore[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
