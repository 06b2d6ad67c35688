# SPDX-License-Identifier: GPL-2.0-only
"""Work on a series as one is used to: a git tree with each patch as a commit, and the way back.

The base is tagged; what stands above the tag is the series. Both directions agree on one form of a patch
(``git format-patch -N --zero-commit --no-signature --full-index``, no user's git settings), so an export of an
unchanged checkout gives the same bytes, once the series has that form.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.build import cache, process
from testbed.build.progress import Progress, silent
from testbed.build.series import read_series, series_folder
from testbed.build.source import find_source
from testbed.errors import BuildError, SpecError
from testbed.spec import KernelSpec

__all__ = ["Exported", "checkout_kernel", "export_series"]

BASE = "testbed-base"
PACKAGING_IGNORES = ("/*", "!/debian/")
_SERIES = "testbed.series"
_FORM = ("-N", "--zero-commit", "--no-signature", "--full-index", "--no-thread", "--no-base", "--no-notes")
_FIXED = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_COMMITTER_NAME": "testbed",
    "GIT_COMMITTER_EMAIL": "testbed@localhost",
    "GIT_COMMITTER_DATE": "1970-01-01T00:00:00+0000",
}
_BASE_AUTHOR = {
    "GIT_AUTHOR_NAME": "testbed",
    "GIT_AUTHOR_EMAIL": "testbed@localhost",
    "GIT_AUTHOR_DATE": "1970-01-01T00:00:00+0000",
}


@dataclass(frozen=True)
class Exported:
    """What an export wrote, as file names in the series' folder."""

    folder: Path
    patches: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def checkout_kernel(root: Path, spec: KernelSpec, folder: Path, progress: Progress = silent) -> Path:
    """Make ``folder`` a git tree: the pristine source as first commit, then each patch as a commit."""
    step = f"checkout {spec.name}"
    if spec.series is None:
        raise SpecError(f"kernel {spec.name} has no series")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpecError(f"{folder}: is there already; name a new folder")
    patches = read_series(root, spec.series)
    source = find_source(root, spec.source, step, progress)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        tree = Path(scratch) / "linux"
        _pristine(source.place, tree, step, progress)
        shutil.rmtree(tree / ".git", ignore_errors=True)
        _let_new_files_in(tree)
        progress(step, "commit the base")
        _git(tree, ["init", "-q", "-b", "series"])
        _git(tree, ["config", _SERIES, spec.series])
        _git(tree, ["add", "-A", "-f"])
        _git(tree, ["commit", "-q", "--no-verify", "-m", f"Linux, {source.version}"], _BASE_AUTHOR)
        _git(tree, ["tag", BASE])
        for number, patch in enumerate(patches, start=1):
            progress(step, f"apply {number}/{len(patches)}: {patch.name}")
            _git(tree, ["am", "-q", "--keep-cr", "--no-gpg-sign", str(patch.absolute())])
        if folder.exists():
            folder.rmdir()
        tree.rename(folder)
    return folder


def export_series(root: Path, folder: Path, progress: Progress = silent) -> Exported:
    """Write the commits above the base back to the series that the tree was checked out from.

    Patches that the series borrows from another one (``../OTHER/FILE``, first in its list) stay as they are; a commit
    that changes one raises :class:`SpecError`, with nothing written.
    """
    step = f"export {folder.name}"
    if not (folder / ".git").exists():
        raise SpecError(f"{folder}: no git tree; make one with `testbed kernel checkout`")
    name = _git(folder, ["config", _SERIES]).strip()
    if _git(folder, ["status", "--porcelain", "--untracked-files=no"]).strip():
        raise SpecError(f"{folder}: changes that are not committed; commit or stash them")
    if _git(folder, ["rev-list", "--merges", f"{BASE}..HEAD"]).strip():
        raise SpecError(f"{folder}: merge commits above {BASE}; a series is a line of commits")
    target = series_folder(root, name)
    listed = read_series(root, name)
    before = {path.name: path.read_bytes() for path in listed if path.parent == target}
    borrowed = {path.name: path for path in listed if path.parent != target}
    with tempfile.TemporaryDirectory() as scratch:
        progress(step, "format patches")
        _git(folder, ["format-patch", "-q", *_FORM, "-o", scratch, f"{BASE}..HEAD"])
        after = {path.name: path.read_bytes() for path in sorted(Path(scratch).glob("*.patch"))}
    if not after:
        raise BuildError(f"{folder}: no commit above {BASE}")
    for file, path in borrowed.items():
        if after.pop(file, None) != path.read_bytes():
            raise SpecError(f"{path.resolve()}: belongs to another series; change it in a checkout of that one")
    entries = [os.path.relpath(path, target) for path in borrowed.values()] + list(after)
    for file in set(before) - set(after):
        (target / file).unlink()
    for file, content in after.items():
        if before.get(file) != content:
            (target / file).write_bytes(content)
    if list(before) != list(after):
        (target / "series").write_text("".join(f"{line}\n" for line in [*_comments(target / "series"), *entries]))
    changed = tuple(file for file in after if before.get(file) != after[file])
    return Exported(target, tuple(after), changed, tuple(sorted(set(before) - set(after))))


def _pristine(place: Callable[[Path], None], tree: Path, step: str, progress: Progress) -> None:
    """A real copy: an editor may write into a file, which a hard link would carry into the cache."""
    progress(step, "copy the source")
    with cache.work_folder() as work:
        place(work / "linux")
        process.capture(["cp", "-a", "--reflink=auto", "--", work / "linux", tree])


def _let_new_files_in(tree: Path) -> None:
    """Take out of .gitignore what Debian's packaging adds: with it, ``git add`` passes by every file that is new."""
    file = tree / ".gitignore"
    if file.is_file():
        kept = [line for line in file.read_text().splitlines() if line not in PACKAGING_IGNORES]
        file.write_text("".join(f"{line}\n" for line in kept))


def _comments(series: Path) -> list[str]:
    """Give the comments at the top of a list of patches, its licence among them."""
    lines = series.read_text().splitlines() if series.is_file() else []
    return list(itertools.takewhile(lambda line: line.startswith("#"), lines))


def _git(tree: Path, words: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    return process.capture(["git", "-C", tree, *words], env={**os.environ, **_FIXED, **(env or {})})
