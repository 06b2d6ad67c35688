# SPDX-License-Identifier: GPL-2.0-only
"""Files that outlive whoever writes them: what a call wrote is on the disk when it returns.

The orchestrator may be killed, and the host may lose power, between any two steps. So a line is appended and synced
before anything builds on it, a whole file appears at once or not at all, and a new name is synced with its folder.
"""

import fcntl
import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

__all__ = ["append_lines", "cut_torn_line", "hold", "sync_folder", "whole_lines", "write_whole"]


def append_lines(path: Path, lines: Sequence[str]) -> None:
    """Add ``lines`` to a file that exists, synced once; if the disk has no room for them, all are taken back whole."""
    with path.open("ab", buffering=0) as sink:
        before = os.fstat(sink.fileno()).st_size
        try:
            rest = memoryview("".join(f"{line}\n" for line in lines).encode())
            while rest:
                rest = rest[sink.write(rest) :]
            os.fsync(sink.fileno())
        except OSError:
            os.ftruncate(sink.fileno(), before)
            raise


def write_whole(path: Path, text: str) -> None:
    """Write a file that nobody ever sees half."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def whole_lines(path: Path) -> list[str]:
    """Give the lines that end in a newline, without it; none where there is no file."""
    if not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]


def cut_torn_line(path: Path) -> None:
    """Take away what stands behind the last newline: the start of a line whose writer died."""
    with path.open("r+b") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hold(path: Path) -> FileIO | None:
    """Lock a file for as long as the result is open, or give None where somebody else holds it.

    The system lets go when the holder dies, however it dies; programs that the holder starts do not inherit it.
    """
    handle = FileIO(path, "a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle
