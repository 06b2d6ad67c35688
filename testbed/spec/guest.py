# SPDX-License-Identifier: GPL-2.0-only
"""Guests of ``guests/*.yaml``: the machine that a scenario runs in, and what its image holds."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from testbed.spec.document import Document, read_document
from testbed.spec.filemodel import FileModel, OneOrMore, validate
from testbed.spec.hints import unknown
from testbed.spec.source import SOURCES, Source, SourceField, read_source
from testbed.spec.tree import Tree, check_name
from testbed.spec.units import parse_memory

__all__ = ["GuestSpec", "Program", "Script", "Selftests", "list_guests", "load_guest"]

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+")


@dataclass(frozen=True)
class Selftests:
    """Folders of a kernel source's ``tools/testing/selftests``; ``series`` is applied to the source before."""

    source: Source
    series: str | None
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """A workload for busybox's shell: what a bug file has below ``shell``."""

    name: str
    text: str


#: A C file, whose stem is the name of the workload, or a script.
Program = Path | Script


@dataclass(frozen=True)
class GuestSpec:
    """One guest; with ``packages`` or ``selftests`` its programs are linked dynamically.

    ``programs`` are workloads that its image has beside those of ``guests/workloads``.
    """

    name: str
    memory_bytes: int
    vcpus: int
    levels: int
    packages: tuple[str, ...]
    where: str
    selftests: Selftests | None = None
    programs: tuple[Program, ...] = ()


def list_guests(root: Path) -> tuple[str, ...]:
    """Return the names of all guests of the checkout."""
    return Tree(root).guests()


def load_guest(root: Path, name: str) -> GuestSpec:
    """Return one guest by name."""
    tree = Tree(root)
    document = read_document(root, tree.guest_file(name))
    guest = validate(document, _GuestFile)
    return GuestSpec(
        name=name,
        memory_bytes=guest.memory,
        vcpus=guest.vcpus,
        levels=guest.levels,
        packages=tuple(guest.packages),
        where=document.where(),
        selftests=_selftests(tree, document, guest.selftests),
    )


def _check_package(name: str) -> str:
    if not _PACKAGE.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a Debian package; names are like libjemalloc2")
    return name


class _Selftests(FileModel):
    source: SourceField = Field(description=SOURCES)
    folders: OneOrMore[Annotated[str, AfterValidator(check_name)]] = Field(
        description="folders of tools/testing/selftests, like [mm]"
    )
    series: str | None = None


class _GuestFile(FileModel):
    memory: Annotated[int, BeforeValidator(parse_memory)] = Field(description="how much RAM, like 1GiB")
    vcpus: Annotated[int, Field(ge=1, le=64)] = 1
    levels: Literal[4, 5] = 4
    packages: list[Annotated[str, AfterValidator(_check_package)]] = Field(default_factory=list)
    selftests: _Selftests | None = None


def _selftests(tree: Tree, document: Document, field: _Selftests | None) -> Selftests | None:
    if field is None:
        return None
    if field.series is not None and field.series not in tree.series():
        message = f"{unknown('series', field.series, tree.series())} (folders below kernel/series/)"
        raise document.error(message, "selftests", "series")
    return Selftests(read_source(tree, field.source), field.series, tuple(field.folders))
