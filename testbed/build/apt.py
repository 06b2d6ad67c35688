# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages fetched for our own use: nothing is installed and nothing of the system's apt state changes.

Each question is put to a state of apt (:mod:`testbed.build.aptstate`), the machine's own if none is named.
It is named by a function, since an answer may need other lists than those that were there when it was asked for.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.build import cache, process
from testbed.build.aptstate import AptState, system_state
from testbed.build.progress import Progress, silent
from testbed.errors import BuildError

__all__ = ["Package", "ask", "dependency", "fetch", "reason", "versions"]

State = Callable[[], AptState]
_URI = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) (?P<algorithm>\w+):(?P<sum>[0-9a-fA-F]+)$")


@dataclass(frozen=True)
class Package:
    """One version of a package, as the index names it."""

    name: str
    version: str
    checksum: str  # "SHA256:..."

    @property
    def key(self) -> str:
        """Name, version and content, fit for a file name."""
        return cache.key_of(self.name, self.version, self.checksum)


def ask(names: Sequence[str], step: str, progress: Progress, state: State = system_state) -> tuple[Package, ...]:
    """The versions that apt would install now (or ``NAME=VERSION``); those cached last time if apt can't tell."""
    asked = [part for part in (state().name, sorted(names)) if part]
    fact = f"apt-{cache.key_of(*asked)[:16]}"
    try:
        packages = _asked(names, step, progress, state)
    except BuildError as error:
        known = [Package(**entry) for entry in cache.recorded(fact) or ()]
        if not known or not all(cache.look_up("packages", package.key) for package in known):
            raise
        versions = ", ".join(f"{package.name} {package.version}" for package in known)
        progress(step, f"apt can't be asked ({reason(error)}); uses the cached {versions}")
        return tuple(known)
    found = [vars(package) for package in packages]
    if cache.recorded(fact) != found:
        cache.record(fact, found)
    return packages


def versions(name: str, state: State = system_state) -> tuple[str, ...]:
    """All versions that the lists have, newest first (``apt-cache madison``); none of a package that they lack."""
    said = process.capture(["apt-cache", "madison", *state().options, name])
    return tuple(dict.fromkeys(line.split("|")[1].strip() for line in said.splitlines() if line.count("|") == 2))


def fetch(package: Package, step: str, progress: Progress, state: State = system_state) -> Path:
    """The package's .deb file, from the cache or by ``apt-get download``; ``state`` is the one that was asked."""

    def make(entry: Path) -> None:
        progress(step, f"download {package.name} {package.version}")
        argv = ["apt-get", "download", "-q", *state().options, f"{package.name}={package.version}"]
        log = cache.cache_root() / "logs" / f"apt-{package.name}.log"
        try:
            process.run(argv, log, cwd=entry)
        except BuildError:
            if not state().own_lists:
                raise
            state().update(step, progress, "the mirror has replaced a version")
            process.run(argv, log, cwd=entry)
        (deb,) = entry.glob("*.deb")
        deb.rename(entry / "package.deb")

    waiting = f"waits for another download of {package.name}"
    entry, _ = cache.get_or_make("packages", package.key, make, lambda: progress(step, waiting))
    return entry / "package.deb"


def dependency(name: str, prefix: str, step: str = "apt", progress: Progress = silent) -> str:
    """The package with this prefix that a package depends on, such as the newest kernel behind a meta-package."""
    system_state().refresh(step, progress)
    said = process.capture(["apt-cache", *system_state().options, "depends", "--important", name])
    for line in said.splitlines():
        match = re.match(rf"\s+Depends: ({re.escape(prefix)}\S*)", line)
        if match:
            return match[1]
    raise BuildError(f"{name} depends on no package {prefix}*")


def reason(error: BuildError) -> str:
    """What apt itself said first of what went wrong, as one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line.startswith("E: ")), lines[-1]).removeprefix("E: ")


def _asked(names: Sequence[str], step: str, progress: Progress, state: State) -> tuple[Package, ...]:
    state().refresh(step, progress)
    try:
        return _found(names, state())
    except BuildError:
        if state().own_lists:
            raise
    state().update(step, progress, "the system's do not have " + ", ".join(names))
    return _found(names, state())


def _found(names: Sequence[str], state: AptState) -> tuple[Package, ...]:
    said = process.capture(["apt-get", "download", "--print-uris", *state.options, *names])
    found = {}
    for line in said.splitlines():
        match = _URI.match(line)
        if match:
            name, version, *_ = match["file"].split("_")
            checksum = f"{match['algorithm']}:{match['sum']}"
            found[name] = Package(name, version.replace("%3a", ":"), checksum)
    wanted = [name.partition("=")[0] for name in names]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise BuildError(f"apt knows no package {', '.join(missing)}")
    return tuple(found[name] for name in wanted)
