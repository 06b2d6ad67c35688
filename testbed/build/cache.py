# SPDX-License-Identifier: GPL-2.0-only
"""Artefacts on disk, each under the hash of what went into it: ``<root>/<kind>/<key>``.

An entry is made in a work folder on the same file system and renamed into place, so it is either whole or not
there. A lock per key lets a second builder wait for the first and use what it made. A work folder is held by an
flock, which the system lets go when its owner dies, however it dies; the next builder removes what nobody holds.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock, Timeout

__all__ = ["cache_root", "get_or_make", "key_of", "lock", "look_up", "record", "recorded", "work_folder", "write_text"]


def cache_root() -> Path:
    """Where artefacts live: ``TESTBED_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("TESTBED_CACHE")
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("testbed")


def look_up(kind: str, key: str) -> Path | None:
    """The entry, if it is there."""
    entry = cache_root() / kind / key
    return entry if entry.is_dir() else None


def get_or_make(
    kind: str, key: str, make: Callable[[Path], None], waiting: Callable[[], None] = lambda: None
) -> tuple[Path, bool]:
    """The entry, and whether it was there before; ``make`` fills an empty folder that becomes the entry.

    When another process makes the same entry now, ``waiting`` is called once and its result is used.
    """
    found = look_up(kind, key)
    if found:
        return found, True
    with lock(f"{kind}-{key}", waiting):
        found = look_up(kind, key)
        if found:
            return found, True
        entry = cache_root() / kind / key
        entry.parent.mkdir(parents=True, exist_ok=True)
        with work_folder() as work:
            made = work / "entry"
            made.mkdir()
            make(made)
            made.rename(entry)
        return entry, False


@contextmanager
def work_folder() -> Iterator[Path]:
    """A private folder on the cache's file system, removed at the end; those of dead processes go first."""
    parent = cache_root() / "work"
    parent.mkdir(parents=True, exist_ok=True)
    with lock("work"):
        abandoned = [held for held in map(_hold, parent.iterdir()) if held]
        folder = Path(tempfile.mkdtemp(dir=parent))
        own = _hold(folder)
    for path, handle in abandoned:
        _remove(path, handle)
    try:
        yield folder
    finally:
        if own:
            _remove(*own)


def key_of(*parts: Any) -> str:
    """A key made of everything that goes into an entry (anything that JSON can hold)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def record(name: str, value: Any) -> None:
    """Remember a small fact beside the entries, such as how many files the last build compiled."""
    facts = cache_root() / "facts"
    facts.mkdir(parents=True, exist_ok=True)
    write_text(facts / f"{name}.json", json.dumps(value))


def write_text(path: Path, text: str) -> None:
    """Write a file of the cache so that whoever reads it at the same time gets the old text or the new one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as stream:
        stream.write(text)
    Path(stream.name).rename(path)


def recorded(name: str) -> Any:
    """What :func:`record` remembered under this name, or None."""
    try:
        return json.loads((cache_root() / "facts" / f"{name}.json").read_text())
    except (OSError, ValueError):
        return None


@contextmanager
def lock(name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """One process (and thread) at a time; ``waiting`` is called if another one is inside."""
    locks = cache_root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    held = FileLock(locks / f"{name}.lock", poll_interval=0.1)
    try:
        held.acquire(timeout=0)
    except Timeout:
        waiting()
        held.acquire()
    try:
        yield
    finally:
        held.release()


def _hold(folder: Path) -> tuple[Path, int] | None:
    """Hold a work folder, unless it is gone or a living process holds it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return folder, handle


def _remove(folder: Path, handle: int) -> None:
    """Begin to remove a held folder.

    Tens of thousands of hard links take the disk a quarter of a minute and no computing, so nobody waits for it. The
    folder stays held until it is gone, since the handle lives on in the process that removes it.
    """
    try:
        subprocess.run(["setsid", "--fork", "rm", "-rf", "--", folder], pass_fds=[handle], check=True)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)
