# SPDX-License-Identifier: GPL-2.0-only
"""The field of a bug file that says which kernel it was reported on: one of ours, or one that the file makes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from testbed.errors import SpecError
from testbed.spec.document import Document
from testbed.spec.filemodel import FileModel
from testbed.spec.hints import near, unknown
from testbed.spec.kernel import OWN, KernelSpec, absent_options, resolve_kernel
from testbed.spec.source import SOURCES, GitSource, Source, SourceField, TarballSource, TreeField, read_source
from testbed.spec.tree import Tree

__all__ = ["KernelField", "read_kernel"]

#: In place of a base's name where the bug file brings the source.
REPORTED = "reported"
_FORMS = "a kernel's name, {base: NAME, patches: [FILES], config: [FILES]} or {source: {...}, patches: [FILES]}"


class _OnBase(FileModel):
    base: str = Field(description="a kernel of kernel/kernels.yaml, like ptreclaim-6.12+debug")
    patches: list[str] = Field(default_factory=list)
    config: list[str] = Field(default_factory=list)


class _OnSource(FileModel):
    source: SourceField = Field(description=SOURCES)
    series: str | None = None
    patches: list[str] = Field(default_factory=list)
    config: list[str] = Field(default_factory=list)
    without: list[str] = Field(default_factory=list)


def _form(data: Any) -> str | None:
    if isinstance(data, str):
        return "kernel:name"
    given = [key for key in ("base", "source") if isinstance(data, dict) and key in data]
    return f"kernel:{given[0]}" if len(given) == 1 else None


KernelField = Annotated[
    Annotated[str, Tag("kernel:name")]
    | Annotated[_OnBase, Tag("kernel:base")]
    | Annotated[_OnSource, Tag("kernel:source")],
    Discriminator(_form, custom_error_type="kernel", custom_error_message=f"must be {_FORMS}"),
]


@dataclass(frozen=True)
class _Reader:
    """What makes a kernel of the field of one file; ``folder`` is what names of files are relative to."""

    root: Path
    document: Document
    folder: Path
    bug: str

    def own(self, field: _OnBase | _OnSource) -> KernelSpec:
        """A kernel of the bug's own, which fragments that have names stand in the name of, as flavours do."""
        names = [text for text in field.config if not _is_file(text)]
        for at, name in enumerate(field.config):
            if name in field.config[:at]:
                raise self.document.error(f"{name} stands there twice; keep one", "kernel", "config", at)
        files = tuple(self._files("config", field.config, [text for text in field.config if _is_file(text)]))
        spec = self._on_base(field, names) if isinstance(field, _OnBase) else self._on_source(field, names, files)
        patches = self._files("patches", field.patches, field.patches)
        self._check_patches(patches, field.patches, spec.series)
        return replace(
            spec,
            name=f"{spec.name}{OWN}{self.bug}",
            why=f"what bug {self.bug} was reported on",
            fragments=(*spec.fragments, *files),
            patches=(*spec.patches, *patches),
            where=self.document.where("kernel", key=True),
        )

    def _check_patches(self, patches: list[Path], names: list[str], series: str | None) -> None:
        """Whoever keeps a kernel's patches beside each other does so by their names."""
        taken = {path.name for path in Tree(self.root).series_folder(series).glob("*.patch")} if series else set()
        for at, path in enumerate(patches):
            if path.name in taken:
                message = f"another patch of this kernel is called {path.name} too; rename {names[at]}"
                raise self.document.error(message, "kernel", "patches", at)
            taken.add(path.name)

    def _on_base(self, field: _OnBase, names: list[str]) -> KernelSpec:
        try:
            base = resolve_kernel(self.root, field.base)
        except SpecError as problem:
            raise self.document.error(problem, "kernel", "base") from None
        if not field.patches and not field.config:
            message = f"nothing goes on top of {field.base}; write kernel: {field.base}, or name patches or config"
            raise self.document.error(message, "kernel", key=True)
        try:
            return resolve_kernel(self.root, "+".join([field.base, *names])) if names else base
        except SpecError as problem:
            raise self.document.error(problem, "kernel", "config") from None

    def _on_source(self, field: _OnSource, names: list[str], files: tuple[Path, ...]) -> KernelSpec:
        tree = Tree(self.root.resolve())
        if field.series is not None and field.series not in tree.series():
            message = f"{unknown('series', field.series, tree.series())} (folders below kernel/series/)"
            raise self.document.error(message, "kernel", "series")
        if field.series is not None and isinstance(field.source, TreeField):
            message = "a tree is used as it is, no series goes on top; leave the series out"
            raise self.document.error(message, "kernel", "series")
        for name in names:
            if name not in tree.fragments():
                message = f"{unknown('config fragment', name, tree.fragments())}; or a file like {name}.config"
                raise self.document.error(message, "kernel", "config", field.config.index(name))
        fragments = tuple(tree.fragment(name) for name in ("base", *names))
        return KernelSpec(
            name="+".join([REPORTED, *names]),
            source=self._source(field.source),
            series=field.series,
            fragments=fragments,
            why="",
            where=self.document.where("kernel", key=True),
            absent=absent_options(self.document, field.without, (*fragments, *files), "kernel"),
        )

    def _source(self, field: SourceField) -> Source:
        """The source, with what is a path counted from the bug file's folder."""
        match read_source(Tree(self.folder), field):
            case TarballSource(location=location, sha256=sha256) if "://" not in location:
                return TarballSource(str((self.folder / Path(location).expanduser()).resolve()), sha256)
            case GitSource(repository=repository, commit=commit) if (self.folder / repository).is_dir():
                return GitSource(str((self.folder / repository).resolve()), commit)
            case source:
                return source

    def _files(self, key: str, listed: list[str], names: list[str]) -> list[Path]:
        """The files of a list, each there and named once."""
        found: list[Path] = []
        for name in names:
            path = (self.folder / name).resolve()
            at = listed.index(name)
            if not path.is_file():
                beside = near(path.name, (other.name for other in path.parent.glob(f"*{path.suffix}")))
                guess = f"did you mean {str(Path(name).with_name(beside))!r}?" if beside else "check the path"
                raise self.document.error(
                    f"no such file: {name} (relative to the bug file); {guess}", "kernel", key, at
                )
            if path in found:
                at = len(listed) - 1 - listed[::-1].index(name)
                raise self.document.error(f"{name} stands there twice; keep one", "kernel", key, at)
            found.append(path)
        return found


def read_kernel(root: Path, document: Document, field: KernelField, folder: Path, bug: str) -> KernelSpec:
    """Return the kernel of the field ``kernel``; ``folder`` is the bug file's, ``bug`` its name without ``bugs/``.

    SpecError for a kernel, series or fragment that is unknown, and for a file that is not there.
    """
    if isinstance(field, str):
        try:
            return resolve_kernel(root, field)
        except SpecError as problem:
            raise document.error(problem, "kernel") from None
    return _Reader(root, document, folder, bug).own(field)


def _is_file(text: str) -> bool:
    """Tell the file of a fragment from the name of one of kernel/config/."""
    return "/" in text or text.endswith(".config")
