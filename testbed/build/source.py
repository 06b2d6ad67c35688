# SPDX-License-Identifier: GPL-2.0-only
"""Kernel source from where a spec says: which one it is now (fast, no download), and a tree of it to work in.

A source that comes from elsewhere is unpacked once into the cache and each work tree is a copy by hard links.
That is safe because nothing in a build opens an existing source file for writing: patch(1) and kconfig write a
new file and rename it, and a pristine tree holds no object that a compiler could truncate.

A ``tree:`` belongs to a person who edits it in place, so it is copied for real, and keyed by content: in a git
tree by HEAD, the difference to it and the files that git doesn't know yet, all of which ignores build output; else
by each file's name, size and time of change, since reading a gigabyte takes longer than an answer may.
"""

import hashlib
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.build import apt, cache, process
from testbed.build.progress import Progress
from testbed.build.releases import apt_state, choose
from testbed.errors import BuildError, SourceUnavailable, SpecError
from testbed.spec import AptSource, GitSource, TarballSource, TreeSource

__all__ = ["Source", "find_source"]

SourceSpec = AptSource | TarballSource | GitSource | TreeSource


@dataclass(frozen=True)
class Source:
    """A source that is known, perhaps not fetched yet; ``place`` puts a tree of it into a folder that isn't there."""

    key: str
    version: str
    place: Callable[[Path], None]


def find_source(root: Path, spec: SourceSpec, step: str, progress: Progress) -> Source:
    """Which source the spec means now; a relative path counts from the root of the checkout."""
    match spec:
        case AptSource():
            return _from_apt(spec, step, progress)
        case TarballSource():
            location = spec.location if "://" in spec.location else str(root / Path(spec.location).expanduser())
            return _from_tarball(location, spec.sha256.lower(), step, progress)
        case GitSource():
            return _from_git(spec.repository, spec.commit.lower(), step, progress)
        case TreeSource():
            return _from_tree(Path(spec.path), step, progress)


def copy_by_links(pristine: Path, tree: Path) -> None:
    """A tree of the same files: hard links, so that it takes a few seconds and no room."""
    process.capture(["cp", "-al", "--", pristine, tree])


def _from_apt(spec: AptSource, step: str, progress: Progress) -> Source:
    name, state = spec.package, apt_state(spec)
    with _or_unavailable(step, f"{name} of {spec.suite}" if spec.suite else name):
        package = choose(spec, step, progress)

    def unpack(entry: Path) -> None:
        with _or_unavailable(step, f"{name} {package.version}"):
            deb = apt.fetch(package, step, progress, state)
        progress(step, f"unpack {name} {package.version}")
        listing = process.capture(["dpkg-deb", "--contents", deb])
        inside = [line.split()[5] for line in listing.splitlines() if line.endswith(".tar.xz")]
        if len(inside) != 1:
            raise BuildError(f"{name} {package.version} holds {len(inside)} source archives, expected 1")
        process.pipe(
            ["dpkg-deb", "--fsys-tarfile", deb],
            ["tar", "-xO", "-f", "-", inside[0]],
            ["tar", "-x", "-J", "-f", "-", "-C", entry, "--strip-components=1"],
        )

    return _unpacked(package.key, package.version, unpack, step, progress)


@contextmanager
def _or_unavailable(step: str, what: str) -> Iterator[None]:
    """Tell in one line that a source can't be had, with the reason that whoever was asked gave."""
    try:
        yield
    except BuildError as error:
        raise SourceUnavailable(f"{step}: {what} can't be had: {apt.reason(error)}") from error


def _from_tarball(location: str, wanted: str, step: str, progress: Progress) -> Source:
    def unpack(entry: Path) -> None:
        with cache.work_folder() as work:
            archive = work / location.rsplit("/", 1)[-1]
            if "://" in location:
                progress(step, f"download {location}")
                _download(location, archive)
            else:
                archive = Path(location)
                if not archive.is_file():
                    raise BuildError(f"{location}: no such file")
            with archive.open("rb") as stream:
                got = hashlib.file_digest(stream, "sha256").hexdigest()
            if got != wanted:
                raise BuildError(f"{location}: sha256 is {got}, the spec says {wanted}")
            progress(step, f"unpack {archive.name}")
            process.capture(["tar", "-x", "-f", archive, "-C", entry, "--strip-components=1"])

    return _unpacked(wanted, f"sha256:{wanted[:12]}", unpack, step, progress)


def _from_git(repository: str, commit: str, step: str, progress: Progress) -> Source:
    def unpack(entry: Path) -> None:
        with cache.work_folder() as work:
            bare = work / "fetched.git"
            progress(step, f"fetch {commit[:12]} from {repository}")
            process.capture(["git", "init", "-q", "--bare", bare])
            with _or_unavailable(step, f"{commit[:12]} from {repository}"):
                process.capture(["git", "-C", bare, "fetch", "-q", "--depth=1", repository, commit])
            got = process.capture(["git", "-C", bare, "rev-parse", "FETCH_HEAD^{commit}"]).strip()
            if got != commit:
                raise BuildError(f"{repository}: asked for {commit}, got {got}")
            process.pipe(["git", "-C", bare, "archive", "--format=tar", commit], ["tar", "-x", "-f", "-", "-C", entry])

    return _unpacked(cache.key_of("git", commit), f"git:{commit}", unpack, step, progress)


def _unpacked(key: str, version: str, unpack: Callable[[Path], None], step: str, progress: Progress) -> Source:
    def make(entry: Path) -> None:
        unpack(entry)
        if not (entry / "Makefile").is_file() or not (entry / "Kconfig").is_file():
            raise BuildError(f"{step}: what was unpacked is no kernel source (no Makefile and Kconfig at its top)")

    def place(tree: Path) -> None:
        waiting = "waits for another build that fetches this source"
        pristine, _ = cache.get_or_make("source", key, make, lambda: progress(step, waiting))
        copy_by_links(pristine, tree)

    return Source(key, version, place)


def _from_tree(path: Path, step: str, progress: Progress) -> Source:
    if not (path / "Makefile").is_file() or not (path / "Kconfig").is_file():
        raise SpecError(f"{path}: no kernel source (no Makefile and Kconfig at its top)")
    in_git = (path / ".git").exists()
    key = _git_content(path) if in_git else _listing(path)

    def place(tree: Path) -> None:
        progress(step, f"copy {path}")
        if not in_git:
            process.capture(["cp", "-a", "--reflink=auto", "--", path, tree])
            process.capture(["make", "-s", "-C", tree, "mrproper"])
            return
        tree.mkdir()
        names = process.capture(["git", "-C", path, "ls-files", "-co", "--exclude-standard", "-z"])
        with cache.work_folder() as work:
            present = [name for name in names.split("\0") if name and os.path.lexists(path / name)]
            (work / "names").write_text("\0".join(present))
            process.pipe(
                ["tar", "-c", "-f", "-", "-C", path, "--null", "--no-recursion", "-T", work / "names"],
                ["tar", "-x", "-f", "-", "-C", tree],
            )

    return Source(key, f"tree:{key[:12]}", place)


def _git_content(path: Path) -> str:
    git = ["git", "-C", str(path)]
    head = process.capture([*git, "rev-parse", "HEAD^{tree}"]).strip()
    change = process.capture([*git, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-color"])
    new = process.capture([*git, "ls-files", "-o", "--exclude-standard", "-z"]).split("\0")
    contents = []
    for name in sorted(filter(None, new)):
        file = path / name
        data = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
        contents.append([name, hashlib.sha256(data).hexdigest()])
    return cache.key_of("tree", head, change, contents)


def _listing(path: Path) -> str:
    digest = hashlib.sha256(b"listing\n")
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            state = os.lstat(f"{folder}/{name}")
            digest.update(f"{folder[len(str(path)) :]}/{name} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _download(url: str, target: Path) -> None:
    if not url.startswith(("https://", "http://", "file://")):
        raise SpecError(f"{url}: only https, http and file addresses can be fetched")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as stream:
            shutil.copyfileobj(answer, stream, 1 << 20)
    except OSError as error:
        raise SourceUnavailable(f"{url} can't be had: {error}") from error
