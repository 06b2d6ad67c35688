# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of ``kernel/kernels.yaml``: where the source comes from, which series and config go on top."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag

from testbed.errors import SpecError
from testbed.spec.document import Document, read_document
from testbed.spec.filemodel import FileModel, Prose, validate
from testbed.spec.hints import near, unknown
from testbed.spec.tree import Tree, check_name

__all__ = [
    "Absent",
    "AptSource",
    "GitSource",
    "KernelSpec",
    "Source",
    "TarballSource",
    "TreeSource",
    "load_kernels",
    "resolve_kernel",
]

_SOURCES = (
    "{apt: PACKAGE}, {apt: PACKAGE, suite: SUITE}, {tarball: PATH_OR_URL, sha256: HEX}, {git: REPO, commit: HEX}"
    " or {tree: PATH}"
)

_ASKED = re.compile(r"^(?:CONFIG_(?=\w+=)|# CONFIG_(?=\w+ is not set$))(\w+)", re.M)


@dataclass(frozen=True)
class AptSource:
    """A Debian package that holds a kernel source, like ``linux-source-6.12``.

    With a ``suite`` it comes from that suite of the Debian archive, whether the host's apt has the suite or not.
    """

    package: str
    suite: str | None = None


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


@dataclass(frozen=True)
class Absent:
    """An option that a fragment asks for and the kernel's source doesn't have; ``where`` is the file and line."""

    option: str
    where: str


@dataclass(frozen=True)
class KernelSpec:
    """One kernel, flavours included: ``fragments`` are base.config first, flavours last, less the ``absent``."""

    name: str
    base_name: str
    source: Source
    series: str | None
    fragments: tuple[Path, ...]
    why: str
    where: str
    absent: tuple[Absent, ...] = ()


def load_kernels(root: Path) -> dict[str, KernelSpec]:
    """Return every kernel of the checkout by name, in the order of the file."""
    tree = Tree(root)
    document = read_document(root, tree.kernels_file)
    entries = validate(document, _KernelsFile).kernels
    return {name: _spec(tree, document, name, entry) for name, entry in entries.items()}


def resolve_kernel(root: Path, name: str) -> KernelSpec:
    """Return the kernel ``NAME`` or ``NAME+FLAVOUR[+FLAVOUR]``."""
    kernels = load_kernels(root)
    base_name, *flavours = name.split("+")
    if base_name not in kernels:
        raise SpecError(unknown("kernel", base_name, kernels))
    base, tree = kernels[base_name], Tree(root.resolve())
    fragments = base.fragments
    for flavour in flavours:
        if flavour not in tree.fragments():
            raise SpecError(f"{unknown('flavour', flavour, tree.fragments())} (in kernel {name!r})")
        if tree.fragment(flavour) in fragments:
            raise SpecError(f"kernel {name!r} has config fragment {flavour!r} twice; name it once")
        fragments = (*fragments, tree.fragment(flavour))
    return replace(base, name=name, fragments=fragments)


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


class _Tree(FileModel):
    tree: Prose


def _kind_of_source(data: Any) -> str | None:
    kinds = [kind for kind in ("apt", "tarball", "git", "tree") if isinstance(data, dict) and kind in data]
    return f"source:{kinds[0]}" if len(kinds) == 1 else None


class _Entry(FileModel):
    source: Annotated[
        Annotated[_Apt, Tag("source:apt")]
        | Annotated[_Tarball, Tag("source:tarball")]
        | Annotated[_Git, Tag("source:git")]
        | Annotated[_Tree, Tag("source:tree")],
        Discriminator(_kind_of_source, custom_error_type="source", custom_error_message=f"must be one of {_SOURCES}"),
    ] = Field(description=_SOURCES)
    why: Prose = Field(description="what this kernel is for, in a few words")
    series: str | None = None
    config: list[str] = Field(default_factory=list)
    without: list[str] = Field(default_factory=list)


class _KernelsFile(FileModel):
    kernels: dict[str, _Entry]


def _spec(tree: Tree, document: Document, name: str, entry: _Entry) -> KernelSpec:
    try:
        check_name(name)
    except ValueError as problem:
        raise document.error(f"kernel {problem}", "kernels", name, key=True) from None
    if entry.series is not None:
        if entry.series not in tree.series():
            message = f"{unknown('series', entry.series, tree.series())} (folders below kernel/series/)"
            raise document.error(message, "kernels", name, "series")
        if isinstance(entry.source, _Tree):
            message = "a tree is used as it is, no series goes on top; leave the series out"
            raise document.error(message, "kernels", name, "series")
    for at, fragment in enumerate(entry.config):
        if fragment not in tree.fragments():
            message = unknown("config fragment", fragment, tree.fragments())
            raise document.error(message, "kernels", name, "config", at)
        if fragment in entry.config[:at]:
            raise document.error(f"fragment {fragment!r} twice; keep one", "kernels", name, "config", at)
    base = Tree(tree.root.resolve())
    fragments = tuple(base.fragment(fragment) for fragment in ("base", *entry.config))
    return KernelSpec(
        name=name,
        base_name=name,
        source=_source(tree, entry),
        series=entry.series,
        fragments=fragments,
        why=entry.why,
        where=document.where("kernels", name, key=True),
        absent=_absent(document, name, entry.without, fragments),
    )


def _absent(document: Document, name: str, options: list[str], fragments: tuple[Path, ...]) -> tuple[Absent, ...]:
    """The options to leave out, each of which a fragment asks for: else a misspelt one would go unnoticed."""
    asked = {option for path in fragments for option in _ASKED.findall(path.read_text())} if options else set()
    for at, option in enumerate(options):
        if option.startswith("CONFIG_"):
            message = f"write {option.removeprefix('CONFIG_')}, without the CONFIG_"
        elif option not in asked:
            named = ", ".join(path.name for path in fragments)
            meant = near(option, sorted(asked))
            guess = f"did you mean {meant!r}? else " if meant else ""
            message = f"option {option!r}: no fragment of this kernel ({named}) asks for it; {guess}take it out"
        elif option in options[:at]:
            message = f"option {option!r} twice; keep one"
        else:
            continue
        raise document.error(message, "kernels", name, "without", at)
    return tuple(
        Absent(f"CONFIG_{option}", document.where("kernels", name, "without", at)) for at, option in enumerate(options)
    )


def _source(tree: Tree, entry: _Entry) -> Source:
    match entry.source:
        case _Apt(apt=package, suite=suite):
            return AptSource(package, suite)
        case _Tarball(tarball=location, sha256=sha256):
            return TarballSource(location, sha256)
        case _Git(git=repository, commit=commit):
            return GitSource(repository, commit)
        case _Tree(tree=path):
            return TreeSource((tree.root / Path(path).expanduser()).resolve())
