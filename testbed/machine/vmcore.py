# SPDX-License-Identifier: GPL-2.0-only
"""The memory of a stopped guest as a compressed dump, and such a dump unpacked again.

QEMU writes a plain ELF dump (QMP ``dump-guest-memory``) into a named pipe, and zstd takes it from there: the dump is
never on the disk as it is, nor in memory. Of a guest of 1 GiB that had hardly begun it leaves 8.6 MB, after 1.8 s.
QEMU's own ``kdump-zlib`` took 1.0 s for 25.8 MB, needs a file that it can seek in, and not every drgn reads it.
"""

import fcntl
import os
import select
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from testbed.errors import HostError, MeasureError, QmpLost
from testbed.machine.qmp import Qmp

__all__ = ["VMCORE", "Vmcore", "is_packed", "save_vmcore", "unpacked_vmcore"]

#: The dump in a cell's folder.
VMCORE = "vmcore.zst"
# RFC 8878, section 3.1.1: the first bytes of a frame.
MAGIC = b"\x28\xb5\x2f\xfd"
# Of that dump levels 1, 3, 6 and 10 (zstd's own program) left 18.2, 9.4, 8.8 and 7.5 MB after 1.3, 0.8, 2.4 and 3.3 s.
LEVEL = 3
PIECE = 1 << 20
# Memory of zeros is unpacked to 32,000 times of what was packed: so little at once takes 32 MB at the most.
BITE = 1 << 10
HOLE = 1 << 16
# What a dump must leave of a disk: other cells write there too.
RESERVE = 1 << 30
# QEMU writes as fast as it is read; without a byte for so long it stands still.
STALL_S = 15.0
# A dump as a whole: a slow disk takes 20 MB each second.
LONGEST_S = 60.0
SLOWEST = 20e6


@dataclass(frozen=True)
class Vmcore:
    """A dump that was saved: bytes of the file and of the ELF dump in it, and how long it took."""

    packed: int
    plain: int
    seconds: float


def save_vmcore(qmp: Qmp, path: Path, sockets: Path, memory_bytes: int, cancelled: threading.Event) -> Vmcore:
    """Dump the memory of a guest whose vCPUs stand still to ``path``; ``sockets`` is a folder with room for a pipe.

    Raises MeasureError where there is no dump, for which nothing is left behind: the disk has no room, QEMU can't, it
    takes too long, or everything was called off. QmpLost where QEMU is gone.
    """
    began = time.monotonic()
    _check_room(path.parent)
    pipe = sockets / "vmcore"
    os.mkfifo(pipe)
    # an end to read from must be there when QEMU opens the other one, else it would wait in its main loop
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with suppress(OSError):  # more than the host allows: slower, no worse
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIECE)
    try:
        qmp.execute("dump-guest-memory", {"paging": False, "protocol": f"file:{pipe}", "detach": True})
        with path.open("wb") as file:
            plain = _pack(reading, file, began + LONGEST_S + memory_bytes / SLOWEST, cancelled)
        status = qmp.execute("query-dump")["status"]
        if status != "completed":
            raise MeasureError(f"QEMU's dump of the guest's memory is {status}")
    except (OSError, MeasureError, QmpLost) as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise MeasureError(f"{path.name}: {error.strerror}") from error
        raise
    finally:
        os.close(reading)  # QEMU, if it still writes, meets a broken pipe
        pipe.unlink()
    return Vmcore(path.stat().st_size, plain, round(time.monotonic() - began, 2))


def _pack(reading: int, file: BinaryIO, end: float, cancelled: threading.Event) -> int:
    """Compress what comes until its end; give how many bytes came."""
    plain = 0
    with zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(file, closefd=False) as packed:
        while piece := _piece(reading, end, cancelled):
            packed.write(piece)
            plain += len(piece)
            if plain % PIECE < len(piece):
                _check_room(Path(file.name).parent)
    return plain


def _piece(reading: int, end: float, cancelled: threading.Event) -> bytes:
    """Wait for the next bytes; none at the end."""
    stalled = time.monotonic() + STALL_S
    while True:
        if cancelled.is_set():
            raise MeasureError("called off")
        ready, _, _ = select.select([reading], [], [], 0.2)
        if ready:
            with suppress(BlockingIOError):
                return os.read(reading, PIECE)
        now = time.monotonic()
        if now > stalled:
            raise MeasureError(f"QEMU's dump of the guest's memory stood still for {STALL_S:.0f} s")
        if now > end:
            raise MeasureError("QEMU's dump of the guest's memory took too long")


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < RESERVE:
        raise MeasureError(f"{folder} has {free >> 20} MiB left, and a dump leaves {RESERVE >> 20} MiB")


def is_packed(path: Path) -> bool:
    """Tell a compressed file from others by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@contextmanager
def unpacked_vmcore(path: Path) -> Iterator[Path]:
    """Unpack a dump to a file that is gone afterwards; memory of zeros takes no room there.

    Raises MeasureError where the file is torn, HostError where the disk has no room.
    """
    with tempfile.TemporaryDirectory(prefix="testbed-vmcore-", dir=path.parent) as folder:
        plain = Path(folder) / "vmcore"
        try:
            with path.open("rb") as packed, plain.open("wb") as file:
                _unpack(packed, file)
        except zstandard.ZstdError as error:
            raise MeasureError(f"{path}: torn, it can't be unpacked ({error})") from error
        except OSError as error:
            raise HostError(f"{path}: can't be unpacked there: {error.strerror}; free some disk") from error
        yield plain


def _unpack(packed: BinaryIO, file: BinaryIO) -> None:
    frame = zstandard.ZstdDecompressor().decompressobj()
    while not frame.eof and (bite := packed.read(BITE)):
        _write(file, frame.decompress(bite))
    if not frame.eof:
        raise zstandard.ZstdError("its end is missing")
    file.truncate(file.tell())


def _write(file: BinaryIO, data: bytes) -> None:
    """Write what is not of zeros, and leave holes for what is."""
    nothing = bytes(HOLE)
    for at in range(0, len(data), HOLE):
        piece = data[at : at + HOLE]
        if piece == nothing[: len(piece)]:
            file.seek(len(piece), os.SEEK_CUR)
        else:
            file.write(piece)
