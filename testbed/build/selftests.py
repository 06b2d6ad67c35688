# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests, from a source's ``tools/testing/selftests``, compiled by their own Makefiles.

They are kept by content. A program that does not compile is no reason to do without the others: what the compiler
said of it is kept, so that whoever wants to run it can be told.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.build import apt, cache, process
from testbed.build.libraries import is_elf
from testbed.build.progress import Progress
from testbed.build.recipe import build_environment, compiler_identity
from testbed.build.series import apply_series, read_series
from testbed.build.source import Source, find_source
from testbed.errors import BuildError
from testbed.spec import Selftests

__all__ = ["BuiltSelftests", "SelftestsRecipe", "build_selftests", "selftests_recipe", "uncompiled"]

#: Raised when the way of building changes, so that tests built the old way are not taken for new ones.
WAY = 1
#: What the tests of mm are compiled with beside the C library. Of these the static half alone is taken: a guest then
#: needs no package, and nothing has to be installed on the host.
DEVELOPMENT = ("libcap-dev", "libnuma-dev", "liburing-dev")
UNCOMPILED = "uncompiled.json"
LAST_LINES = 25
# make's last word on a target: "make: *** [../lib.mk:222: /build/mm/khugepaged] Error 1"
_FAILED = re.compile(r"^make(?:\[\d+\])?: \*\*\* \[[^\]]*?([^/\s\]]+)\] Error")


@dataclass(frozen=True)
class SelftestsRecipe:
    """Everything that goes into the tests, known before anything is built."""

    source: Source
    patches: tuple[Path, ...]
    folders: tuple[str, ...]
    packages: tuple[apt.Package, ...]
    compiler: str

    @property
    def key(self) -> str:
        """The content of all of it."""
        patches = [hashlib.sha256(patch.read_bytes()).hexdigest() for patch in self.patches]
        packages = [package.key for package in self.packages]
        return cache.key_of(WAY, self.source.key, patches, self.folders, packages, self.compiler)


@dataclass(frozen=True)
class BuiltSelftests:
    """Programs as ``path / FOLDER / NAME``; by ``FOLDER/NAME`` what the compiler said of those that are not there."""

    path: Path
    uncompiled: Mapping[str, str]

    def programs(self) -> dict[str, Path]:
        """Give each program by ``FOLDER/NAME``."""
        found = sorted(path for path in self.path.glob("*/*") if path.is_file())
        return {f"{path.parent.name}/{path.name}": path for path in found}


def selftests_recipe(root: Path, spec: Selftests, step: str, progress: Progress) -> SelftestsRecipe:
    """What the spec means now; downloads nothing."""
    return SelftestsRecipe(
        source=find_source(root, spec.source, step, progress),
        patches=read_series(root, spec.series),
        folders=spec.folders,
        packages=apt.ask(DEVELOPMENT, step, progress),
        compiler=compiler_identity(),
    )


def build_selftests(recipe: SelftestsRecipe, step: str, progress: Progress) -> BuiltSelftests:
    """The tests, from the cache or built; BuildError if of a folder not one program compiles."""
    log = cache.cache_root() / "logs" / f"selftests-{recipe.key[:16]}.log"

    def make(entry: Path) -> None:
        log.unlink(missing_ok=True)
        with cache.work_folder() as work:
            tree = work / "linux"
            recipe.source.place(tree)
            apply_series(tree, recipe.patches)
            environment = {**build_environment(tree), **_development(recipe.packages, work / "dev", step, progress)}
            progress(step, "selftests: kernel headers")
            process.run(["make", "-s", "headers"], log, cwd=tree, env=environment)
            failed: dict[str, str] = {}
            for folder in recipe.folders:
                progress(step, f"selftests: compile {folder}")
                failed |= _compile(tree, folder, entry, log, environment)
            (entry / UNCOMPILED).write_text(json.dumps(failed, indent=1) + "\n")

    waiting = "waits for another build of the same selftests"
    entry, _ = cache.get_or_make("selftests", recipe.key, make, lambda: progress(step, waiting))
    return BuiltSelftests(entry, json.loads((entry / UNCOMPILED).read_text()))


def _development(packages: Sequence[apt.Package], target: Path, step: str, progress: Progress) -> Mapping[str, str]:
    """Unpack the packages and give the environment in which gcc finds them."""
    target.mkdir()
    for package in packages:
        process.capture(["dpkg-deb", "-x", apt.fetch(package, step, progress), target])
    for shared in target.rglob("*.so"):
        shared.unlink()  # a link to a library that is not there; with it gone ld takes the static one
    include, lib = target / "usr/include", target / "usr/lib/x86_64-linux-gnu"
    return {"C_INCLUDE_PATH": f"{include}:{include / 'x86_64-linux-gnu'}", "LIBRARY_PATH": str(lib)}


def _compile(tree: Path, folder: str, entry: Path, log: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Compile a folder and keep its programs; give what was said of those that failed."""
    place = tree / "tools/testing/selftests" / folder
    if not (place / "Makefile").is_file():
        raise BuildError(f"selftests: the source has no tools/testing/selftests/{folder}")
    jobs = len(os.sched_getaffinity(0))
    # each target's words together, so that an error stands before make's word on its target
    argv: list[str | Path] = ["make", "--keep-going", "--output-sync=target", f"-j{jobs}", "-C", place]
    _, said = process.attempt(argv, env=environment)
    with log.open("a") as stream:
        stream.write(said)
    programs = [path for path in sorted(place.iterdir()) if os.access(path, os.X_OK) and path.is_file()]
    programs = [path for path in programs if is_elf(path)]
    if not programs:
        last = "\n".join(f"  {line}" for line in said.splitlines()[-LAST_LINES:])
        raise BuildError(f"selftests: no program of {folder} could be compiled; whole log in {log}\n{last}")
    (entry / folder).mkdir()
    for path in programs:
        process.capture(["strip", "-o", entry / folder / path.name, path])
    return {f"{folder}/{name}": words for name, words in uncompiled(said).items()}


def uncompiled(said: str) -> dict[str, str]:
    """Give the targets that make gave up, each with the first error that the compiler or linker told before it."""
    failed: dict[str, str] = {}
    error = ""
    for line in said.splitlines():
        if found := _FAILED.match(line):
            failed[found[1]] = error or line
            error = ""
        elif not error and re.search(r"\berror: |undefined reference|cannot find", line):
            error = line.strip()
    return failed
