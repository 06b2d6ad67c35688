# SPDX-License-Identifier: GPL-2.0-only
"""Where a kernel's source comes from: a Debian package, a tarball, a commit, or a folder."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag

from testbed.spec.filemodel import FileModel, Prose
from testbed.spec.tree import Tree, check_name

__all__ = [
    "SOURCES",
    "AptSource",
    "GitSource",
    "Source",
    "SourceField",
    "TarballSource",
    "TreeField",
    "TreeSource",
    "read_source",
]

SOURCES = (
    "{apt: PACKAGE}, {apt: PACKAGE, suite: SUITE}, {tarball: PATH_OR_URL, sha256: HEX}, {git: REPO, commit: HEX}"
    " or {tree: PATH}"
)


@dataclass(frozen=True)
class AptSource:
    """A Debian package that holds a kernel source, like ``linux-source-6.12``.

    With a ``suite`` it comes from that suite of the Debian archive, whether the host's apt has the suite or not. With a
    ``release``, like ``6.12.117``, it is the version of that release, and not the one that apt would install now.
    """

    package: str
    suite: str | None = None
    release: str | None = None


@dataclass(frozen=True)
class TarballSource:
    """A tarball, by URL or by path; a relative path counts from the root of the checkout."""

    location: str
    sha256: str


@dataclass(frozen=True)
class GitSource:
    """One commit of a git repository."""

    repository: str
    commit: str


@dataclass(frozen=True)
class TreeSource:
    """A folder that is used as it is; always an absolute path."""

    path: Path


Source = AptSource | TarballSource | GitSource | TreeSource


def _hex(what: str, digits: int) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", text):
            raise ValueError(f"{text!r} is no {what}; write all {digits} hex digits")
        return text.lower()

    return AfterValidator(check)


class _Apt(FileModel):
    apt: Annotated[str, AfterValidator(check_name)]
    suite: Annotated[str, AfterValidator(check_name)] | None = None


class _Tarball(FileModel):
    tarball: Prose
    sha256: Annotated[str, _hex("sha256 sum", 64)] = Field(description="the sum of the tarball, as sha256sum prints it")


class _Git(FileModel):
    git: Prose
    commit: Annotated[str, _hex("commit", 40)] = Field(description="all 40 hex digits of the commit")


class TreeField(FileModel):
    """``{tree: PATH}``."""

    tree: Prose


def _kind_of_source(data: Any) -> str | None:
    kinds = [kind for kind in ("apt", "tarball", "git", "tree") if isinstance(data, dict) and kind in data]
    return f"source:{kinds[0]}" if len(kinds) == 1 else None


SourceField = Annotated[
    Annotated[_Apt, Tag("source:apt")]
    | Annotated[_Tarball, Tag("source:tarball")]
    | Annotated[_Git, Tag("source:git")]
    | Annotated[TreeField, Tag("source:tree")],
    Discriminator(_kind_of_source, custom_error_type="source", custom_error_message=f"must be one of {SOURCES}"),
]


def read_source(tree: Tree, field: SourceField) -> Source:
    """Return what a file says; the path of a tree counts from the root of the checkout."""
    match field:
        case _Apt(apt=package, suite=suite):
            return AptSource(package, suite)
        case _Tarball(tarball=location, sha256=sha256):
            return TarballSource(location, sha256)
        case _Git(git=repository, commit=commit):
            return GitSource(repository, commit)
        case TreeField(tree=path):
            return TreeSource((tree.root / Path(path).expanduser()).resolve())
