# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of ``kernel/kernels.yaml``: where the source comes from, which series and config go on top."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field

from testbed.errors import SpecError
from testbed.spec.document import Document, read_document
from testbed.spec.filemodel import FileModel, Prose, validate
from testbed.spec.hints import near, unknown
from testbed.spec.source import SOURCES, AptSource, Source, SourceField, TreeField, read_source
from testbed.spec.tree import Tree, check_name

__all__ = ["OWN", "Absent", "KernelSpec", "absent_options", "load_kernels", "resolve_kernel"]

#: Stands before the bug's name in the name of a kernel that a bug file makes for itself, as in ``vanilla-6.12~my-bug``.
OWN = "~"

_ASKED = re.compile(r"^(?:CONFIG_(?=\w+=)|# CONFIG_(?=\w+ is not set$))(\w+)", re.M)


@dataclass(frozen=True)
class Absent:
    """An option that a fragment asks for and the kernel's source doesn't have; ``where`` is the file and line."""

    option: str
    where: str


@dataclass(frozen=True)
class KernelSpec:
    """One kernel, flavours included: ``fragments`` are base.config first, flavours last, less the ``absent``.

    ``patches`` go on top of the series: what plants or widens a bug.
    """

    name: str
    source: Source
    series: str | None
    fragments: tuple[Path, ...]
    why: str
    where: str
    absent: tuple[Absent, ...] = ()
    patches: tuple[Path, ...] = ()


def load_kernels(root: Path) -> dict[str, KernelSpec]:
    """Return every kernel of the checkout by name, in the order of the file."""
    tree = Tree(root)
    document = read_document(root, tree.kernels_file)
    entries = validate(document, _KernelsFile).kernels
    return {name: _spec(tree, document, name, entry) for name, entry in entries.items()}


def resolve_kernel(root: Path, name: str) -> KernelSpec:
    """Return the kernel ``NAME``, ``NAME+FLAVOUR[+FLAVOUR]`` or ``NAME@RELEASE``, which may have flavours as well.

    SpecError if there is none, also for the name of a kernel that a bug file makes: that is nobody else's.
    """
    if OWN in name:
        bug = name.partition(OWN)[2]
        raise SpecError(
            f"kernel {name!r} is made by the file of bug {bug!r} alone; run it by ./tb reproduce bugs/{bug}"
        )
    kernels = load_kernels(root)
    versioned, *flavours = name.split("+")
    base_name, at, release = versioned.partition("@")
    if base_name not in kernels:
        raise SpecError(unknown("kernel", base_name, kernels))
    base, tree = kernels[base_name], Tree(root.resolve())
    if at:
        base = replace(base, source=_pinned(name, base.source, release))
    fragments = base.fragments
    for flavour in flavours:
        if flavour not in tree.fragments():
            raise SpecError(f"{unknown('flavour', flavour, tree.fragments())} (in kernel {name!r})")
        if tree.fragment(flavour) in fragments:
            raise SpecError(f"kernel {name!r} has config fragment {flavour!r} twice; name it once")
        fragments = (*fragments, tree.fragment(flavour))
    return replace(base, name=name, fragments=fragments)


def _pinned(name: str, source: Source, release: str) -> Source:
    if not isinstance(source, AptSource):
        raise SpecError(f"kernel {name!r}: only a source that is a Debian package has releases; leave the @ out")
    if not re.fullmatch(r"\d+(\.\d+)+", release):
        raise SpecError(f"kernel {name!r}: {release!r} is no release; write NAME@RELEASE like vanilla-6.12@6.12.117")
    return replace(source, release=release)


class _Entry(FileModel):
    source: SourceField = Field(description=SOURCES)
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
        if isinstance(entry.source, TreeField):
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
        source=read_source(tree, entry.source),
        series=entry.series,
        fragments=fragments,
        why=entry.why,
        where=document.where("kernels", name, key=True),
        absent=absent_options(document, entry.without, fragments, "kernels", name),
    )


def absent_options(
    document: Document, options: list[str], fragments: tuple[Path, ...], *loc: str
) -> tuple[Absent, ...]:
    """Return the options that a kernel's ``without`` leaves out; ``loc`` is where the kernel's keys stand.

    SpecError for one that no fragment asks for: else a misspelt one would go unnoticed.
    """
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
        raise document.error(message, *loc, "without", at)
    return tuple(Absent(f"CONFIG_{option}", document.where(*loc, "without", at)) for at, option in enumerate(options))
