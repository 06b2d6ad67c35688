# SPDX-License-Identifier: GPL-2.0-only
"""The census of whatever a person points at: a running QEMU, a dump of a guest, or a cell of a run that is over."""

import os
import socket
import stat
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drgn import Program

from testbed.build import vmlinux_by_build_id
from testbed.errors import MeasureError, QmpLost, SpecError
from testbed.machine.qmp import Qmp
from testbed.machine.vmcore import is_packed, unpacked_vmcore
from testbed.measure.agreement import internal
from testbed.measure.census import (
    Block,
    Census,
    DrgnMemory,
    FileMemory,
    dump_blocks,
    guest_memory,
    kernel_blocks,
    qemu_blocks,
    take,
)

__all__ = ["View", "census_of_dump", "census_of_qemu", "is_socket", "largest_first", "process_view", "viewed"]

CONNECT_S = 5.0
TABLE_KB = 4
CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True)
class View:
    """A census as a person reads it: ``processes`` largest first, ``differences`` between channels (empty: none)."""

    processes: tuple[dict[str, Any], ...]
    total_kb: int
    left_over_kb: int
    kernel_kb: int
    rcu_pending_kb: int
    unreached_kb: int
    entries: dict[str, int]
    differences: tuple[str, ...]
    way: str
    seconds: float


def process_view(pid: int | None, name: str, levels: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Give one process, with the sizes of all its tables and of those that nobody needs in kB."""
    total = sum(level["tables"] for level in levels.values())
    left_over = sum(level["empty"] + level["zero"] for level in levels.values())
    return {"pid": pid, "name": name, "kb": total * TABLE_KB, "left_over_kb": left_over * TABLE_KB, "levels": levels}


def largest_first(processes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort processes by what they hold."""
    return sorted(processes, key=lambda process: int(process["kb"]), reverse=True)


def viewed(census: Census) -> View:
    """Sort a census by process."""
    processes = largest_first(
        process_view(space.pid, space.name, census.counts([index])) for index, space in enumerate(census.spaces)
    )
    accounts = census.accounts
    return View(
        processes=tuple(processes),
        total_kb=sum(process["kb"] for process in processes),
        left_over_kb=sum(process["left_over_kb"] for process in processes),
        kernel_kb=accounts.kernel * TABLE_KB,
        rcu_pending_kb=accounts.pending * TABLE_KB,
        unreached_kb=accounts.unreached * TABLE_KB,
        entries=census.kinds(),
        differences=tuple(internal(census)),
        way=census.way,
        seconds=round(census.seconds, 4),
    )


def is_socket(path: Path) -> bool:
    """Tell a monitor's socket from a file."""
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def census_of_qemu(path: Path, vmlinux: Path | None) -> Census:
    """Stop the guest behind a QMP socket, count, and let it go on if it ran.

    The monitor takes one connection at a time: ours asks and stops, drgn's reads, ours lets the guest go on. Raises
    SpecError where there is no monitor or no vmlinux, MeasureError where the guest can't be read.
    """
    with _monitor(path) as (qmp, pid):
        running = bool(qmp.execute("query-status")["running"])
        qmp.execute("stop")
        try:
            blocks = qemu_blocks(qmp.execute)
        except BaseException:
            if running:
                qmp.execute("cont")
            raise
    try:
        return _read_stopped(path, vmlinux, pid, blocks)
    finally:
        if running:
            with _monitor(path) as (qmp, _):
                qmp.execute("cont")


def _read_stopped(path: Path, vmlinux: Path | None, pid: int, blocks: tuple[Block, ...]) -> Census:
    prog = Program()
    # drgn lets its connection go with its last object, and an error's frames may keep one: this end is ours to close
    with _connected(path) as sock:
        sock.settimeout(None)  # drgn waits for what it reads
        try:
            prog.set_qemu_qmp(os.dup(sock.fileno()))
            _load(prog, vmlinux)
            return take(prog, guest_memory(prog, pid, blocks))
        except (OSError, ValueError, RuntimeError) as error:
            raise MeasureError(f"{path}: drgn can't examine this guest: {error}") from error
        finally:
            with suppress(OSError):  # QEMU may be gone
                sock.shutdown(socket.SHUT_RDWR)


def census_of_dump(path: Path, vmlinux: Path | None) -> Census:
    """Count in a dump of a guest's memory (QMP ``dump-guest-memory``, a kernel's vmcore, a cell's ``vmcore.zst``)."""
    if is_packed(path):
        with unpacked_vmcore(path) as plain:
            return _census_of_plain(plain, vmlinux)
    return _census_of_plain(path, vmlinux)


def _census_of_plain(path: Path, vmlinux: Path | None) -> Census:
    prog = Program()
    try:
        prog.set_core_dump(path)
    except Exception as error:  # drgn passes on what libkdumpfile says as a plain Exception
        plain = "dump-guest-memory without a format makes one"
        raise SpecError(f"{path}: no dump of a Linux guest that drgn reads ({plain}): {error}") from error
    _load(prog, vmlinux)
    blocks = dump_blocks(path)
    memory = FileMemory(path, blocks) if blocks else DrgnMemory(prog, kernel_blocks(prog))
    return take(prog, memory)


def _load(prog: Program, vmlinux: Path | None) -> None:
    """Load the debug info of the kernel: what was named, else one of our own kernels that is the same build."""
    if vmlinux is None:
        build_id = _build_id(prog)
        vmlinux = vmlinux_by_build_id(build_id) if build_id else None
        if vmlinux is None:
            raise SpecError(f"no kernel of ours has build ID {build_id or '(unknown)'}; name it by --vmlinux FILE")
    try:
        prog.load_debug_info([str(vmlinux)])
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise SpecError(f"--vmlinux {vmlinux}: {error}; it must be the kernel that runs there, with DWARF") from error


def _build_id(prog: Program) -> str | None:
    module = next((module for module, _ in prog.loaded_modules() if module.name == "kernel"), None)
    return module.build_id.hex() if module is not None and module.build_id else None


def _connected(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(CONNECT_S)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise SpecError(f"{path}: no QEMU listens there ({error.strerror or error})") from error
    return sock


@contextmanager
def _monitor(path: Path) -> Iterator[tuple[Qmp, int]]:
    """A monitor's connection and the pid of who listens there."""
    sock = _connected(path)
    pid, _, _ = CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    qmp = Qmp(Path("/dev/null"))
    try:
        qmp.connect(sock, CONNECT_S)
        yield qmp, pid
    except QmpLost as lost:
        raise MeasureError(
            f"{path}: {lost}; a monitor talks to one at a time, so give this one a socket of its own"
        ) from lost
    finally:
        qmp.close()
        # QEMU takes the next connection only when it has seen this one's end
        time.sleep(0.01)
