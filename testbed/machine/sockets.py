# SPDX-License-Identifier: GPL-2.0-only
"""A folder with a short path for a guest's sockets, and the removal of those that dead orchestrators left behind."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["socket_folder", "sweep"]

# The owner's pid and its start time: pids come round again.
NAME = re.compile(r"tb-(\d+)-(\d+)-\w+")


@contextmanager
def socket_folder() -> Iterator[Path]:
    """Give a folder in the system's place for temporary files, and remove it at the end; what is stale goes first."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=f"tb-{os.getpid()}-{_started(os.getpid())}-") as name:
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def sweep() -> None:
    """Remove our folders whose owner is dead.

    An owner in another container has a pid that means nothing here, but its lock on the folder is seen; one that has
    made its folder a moment ago and not locked it yet is seen by its pid.
    """
    for path in Path(tempfile.gettempdir()).glob("tb-*"):
        found = NAME.fullmatch(path.name)
        if found and _started(int(found[1])) != int(found[2]) and _unlocked(path):
            shutil.rmtree(path, ignore_errors=True)


def _started(pid: int) -> int | None:
    """When a process began, in clock ticks since the host's boot (proc(5)); None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # the program's name, in brackets, may hold anything
    return int(stat.rpartition(")")[2].split()[19])


def _unlocked(path: Path) -> bool:
    """Whether nobody holds the folder; one that is not ours to open counts as held."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
