# SPDX-License-Identifier: GPL-2.0-only
"""A state of apt is the sources it reads, where it keeps lists and cache, and whose the lists are.

The system's sources are read with a cache folder of ours, which also makes apt answer in a third of a second where the
system keeps no package cache. A machine without package lists (a fresh container), or whose lists lack what is asked
for (an image that is months old), gets lists of its own below our cache root, so neither root nor a system-wide
``apt-get update`` is needed.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.build import cache, process
from testbed.build.progress import Progress
from testbed.errors import BuildError

__all__ = ["AptState", "folder_options", "system_state", "words"]

LISTS_LIVE_S = 24 * 3600
SYSTEM_LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class AptState:
    """How to ask apt: its options, whether the lists they name are ours, and how such lists are fetched."""

    name: str
    folder: Path
    options: tuple[str, ...]
    own_lists: bool
    fetch_lists: Callable[[], None]

    def refresh(self, step: str, progress: Progress) -> None:
        """See to it that lists of our own, where we need some, are there and not too old."""
        stamp = self.folder / "updated"
        with cache.lock(self._lock):
            if self.own_lists and not (stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_LIVE_S):
                self._update(step, progress, "there are none, or old ones")

    def update(self, step: str, progress: Progress, why: str) -> None:
        """Fetch lists of our own, however old those are that there may be. The state has changed then: get it anew."""
        with cache.lock(self._lock):
            self._update(step, progress, why)

    def _update(self, step: str, progress: Progress, why: str) -> None:
        progress(step, f"fetches package lists of its own{f' for {self.name}' if self.name else ''} ({why})")
        self.fetch_lists()
        (self.folder / "updated").touch()

    @property
    def _lock(self) -> str:
        return f"apt-lists-{self.name}" if self.name else "apt-lists"


def system_state() -> AptState:
    """The machine's own sources; the lists are ours if the system has none, or they were not enough before."""
    folder = cache.cache_root() / "apt"
    lists = folder / "lists"
    options = folder_options(folder)
    ours = words({**options, "Dir::State::lists": lists})
    own_lists = lists.is_dir() or not (
        SYSTEM_LISTS.is_dir() and any("_Packages" in path.name for path in SYSTEM_LISTS.glob("*"))
    )

    def fetch_lists() -> None:
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        try:
            process.run(["apt-get", "update", "-q", *ours], cache.cache_root() / "logs" / "apt-update.log")
        except BuildError:
            if not (folder / "updated").exists():
                shutil.rmtree(lists)  # else half a set of lists would be taken for a whole one
            raise

    return AptState("", folder, ours if own_lists else words(options), own_lists, fetch_lists)


def folder_options(folder: Path) -> dict[str, str | Path]:
    """Options for a cache below ``folder``."""
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options: dict[str, str | Path] = {
        "Dir::Cache": folder / "cache",
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
    }
    if os.geteuid() == 0:  # else apt drops to a user who may not write into our folder, and says so
        options["APT::Sandbox::User"] = "root"
    return options


def words(options: dict[str, str | Path]) -> tuple[str, ...]:
    """Options as they stand in an argv list."""
    return tuple(word for name, value in options.items() for word in ("-o", f"{name}={value}"))
