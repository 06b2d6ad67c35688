# SPDX-License-Identifier: GPL-2.0-only
"""Guests of ``guests/*.yaml``: the machine that a scenario runs in, and what its image holds."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from testbed.spec.document import read_document
from testbed.spec.filemodel import FileModel, validate
from testbed.spec.tree import Tree
from testbed.spec.units import parse_memory

__all__ = ["GuestSpec", "list_guests", "load_guest"]

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+")


@dataclass(frozen=True)
class GuestSpec:
    """One guest; with ``packages`` its programs are linked dynamically."""

    name: str
    memory_bytes: int
    vcpus: int
    levels: int
    packages: tuple[str, ...]
    where: str


def list_guests(root: Path) -> tuple[str, ...]:
    """Return the names of all guests of the checkout."""
    return Tree(root).guests()


def load_guest(root: Path, name: str) -> GuestSpec:
    """Return one guest by name."""
    document = read_document(root, Tree(root).guest_file(name))
    guest = validate(document, _GuestFile)
    return GuestSpec(
        name=name,
        memory_bytes=guest.memory,
        vcpus=guest.vcpus,
        levels=guest.levels,
        packages=tuple(guest.packages),
        where=document.where(),
    )


def _check_package(name: str) -> str:
    if not _PACKAGE.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a Debian package; names are like libjemalloc2")
    return name


class _GuestFile(FileModel):
    memory: Annotated[int, BeforeValidator(parse_memory)] = Field(description="how much RAM, like 1GiB")
    vcpus: Annotated[int, Field(ge=1, le=64)] = 1
    levels: Literal[4, 5] = 4
    packages: list[Annotated[str, AfterValidator(_check_package)]] = Field(default_factory=list)
