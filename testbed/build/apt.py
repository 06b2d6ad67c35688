# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages fetched for our own use: nothing is installed and nothing of the system's apt state changes.

apt is asked with the machine's own sources, but with a cache folder of ours, which also makes it answer in a third
of a second where the system keeps no package cache. A machine without package lists (a fresh container), or whose
lists lack what is asked for (an image that is months old), gets lists of its own below our cache root, so neither root
nor a system-wide ``apt-get update`` is needed.
"""

import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.build import cache, process
from testbed.build.progress import Progress, silent
from testbed.errors import BuildError

__all__ = ["Package", "ask", "dependency", "fetch"]

LISTS_LIVE_S = 24 * 3600
SYSTEM_LISTS = Path("/var/lib/apt/lists")
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


def ask(names: Sequence[str], step: str, progress: Progress) -> tuple[Package, ...]:
    """The versions that apt would install now; those cached last time if apt can't tell."""
    fact = f"apt-{cache.key_of(sorted(names))[:16]}"
    try:
        packages = _asked(names, step, progress)
    except BuildError as error:
        known = [Package(**entry) for entry in cache.recorded(fact) or ()]
        if not known or not all(cache.look_up("packages", package.key) for package in known):
            raise
        versions = ", ".join(f"{package.name} {package.version}" for package in known)
        reason = str(error).splitlines()[-1].strip()
        progress(step, f"apt can't be asked ({reason}); uses the cached {versions}")
        return tuple(known)
    found = [vars(package) for package in packages]
    if cache.recorded(fact) != found:
        cache.record(fact, found)
    return packages


def fetch(package: Package, step: str, progress: Progress) -> Path:
    """The package's .deb file, from the cache or by ``apt-get download``."""

    def make(entry: Path) -> None:
        progress(step, f"download {package.name} {package.version}")
        argv = ["apt-get", "download", "-q", *_options(), f"{package.name}={package.version}"]
        log = cache.cache_root() / "logs" / f"apt-{package.name}.log"
        try:
            process.run(argv, log, cwd=entry)
        except BuildError:
            if not _private_lists():
                raise
            with cache.lock("apt-lists"):
                _update(step, progress, "the mirror has replaced a version")
            process.run(argv, log, cwd=entry)
        (deb,) = entry.glob("*.deb")
        deb.rename(entry / "package.deb")

    waiting = f"waits for another download of {package.name}"
    entry, _ = cache.get_or_make("packages", package.key, make, lambda: progress(step, waiting))
    return entry / "package.deb"


def dependency(name: str, prefix: str, step: str = "apt", progress: Progress = silent) -> str:
    """The package with this prefix that a package depends on, such as the newest kernel behind a meta-package."""
    _refresh(step, progress)
    said = process.capture(["apt-cache", *_options(), "depends", "--important", name])
    for line in said.splitlines():
        match = re.match(rf"\s+Depends: ({re.escape(prefix)}\S*)", line)
        if match:
            return match[1]
    raise BuildError(f"{name} depends on no package {prefix}*")


def _asked(names: Sequence[str], step: str, progress: Progress) -> tuple[Package, ...]:
    _refresh(step, progress)
    try:
        return _found(names)
    except BuildError:
        if _private_lists():
            raise
    with cache.lock("apt-lists"):
        _update(step, progress, "the system's do not have " + ", ".join(names))
    return _found(names)


def _found(names: Sequence[str]) -> tuple[Package, ...]:
    said = process.capture(["apt-get", "download", "--print-uris", *_options(), *names])
    found = {}
    for line in said.splitlines():
        match = _URI.match(line)
        if match:
            name, version, *_ = match["file"].split("_")
            checksum = f"{match['algorithm']}:{match['sum']}"
            found[name] = Package(name, version.replace("%3a", ":"), checksum)
    missing = [name for name in names if name not in found]
    if missing:
        raise BuildError(f"apt knows no package {', '.join(missing)}")
    return tuple(found[name] for name in names)


def _refresh(step: str, progress: Progress) -> None:
    """See to it that lists of our own, where we need some, are there and not too old."""
    if not _private_lists():
        return
    stamp = _state() / "updated"
    with cache.lock("apt-lists"):
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > LISTS_LIVE_S:
            _update(step, progress, "the system has none")


def _update(step: str, progress: Progress, why: str) -> None:
    progress(step, f"fetches package lists of its own ({why})")
    (_lists() / "partial").mkdir(parents=True, exist_ok=True)
    try:
        process.run(["apt-get", "update", "-q", *_options()], cache.cache_root() / "logs" / "apt-update.log")
    except BuildError:
        if not (_state() / "updated").exists():
            shutil.rmtree(_lists())  # else half a set of lists would be taken for a whole one
        raise
    (_state() / "updated").touch()


def _options() -> list[str]:
    state = _state()
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Cache": state / "cache",
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
    }
    if os.geteuid() == 0:  # else apt drops to a user who may not write into our folder, and says so
        options["APT::Sandbox::User"] = "root"
    if _private_lists():
        (_lists() / "partial").mkdir(parents=True, exist_ok=True)
        options["Dir::State::lists"] = _lists()
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _private_lists() -> bool:
    """Whether we keep lists of our own: the system has none, or they were not enough before."""
    if _lists().is_dir():
        return True
    return not any("_Packages" in path.name for path in SYSTEM_LISTS.glob("*")) if SYSTEM_LISTS.is_dir() else True


def _lists() -> Path:
    return _state() / "lists"


def _state() -> Path:
    return cache.cache_root() / "apt"
