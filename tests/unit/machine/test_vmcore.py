# SPDX-License-Identifier: GPL-2.0-only
"""A dump on its way from QEMU to the disk, and all that may go wrong there; a thread stands for QEMU's."""

import os
import random
import threading
from collections import namedtuple
from pathlib import Path

import pytest
import zstandard

from testbed.errors import HostError, MeasureError, QmpLost
from testbed.machine import vmcore
from testbed.machine.vmcore import is_packed, save_vmcore, unpacked_vmcore

Usage = namedtuple("Usage", "free")
NEVER = threading.Event()
MIB = 1 << 20


class Monitor:
    """Dumps ``memory`` into the pipe that it is told, as QEMU does with ``detach``."""

    def __init__(self, memory: bytes, status: str = "completed", *, stays: bool = False, refuses: str = "") -> None:
        self.memory, self.status, self.stays, self.refuses = memory, status, stays, refuses
        self.over = threading.Event()
        self.broken = False
        self.writer: threading.Thread | None = None

    def execute(self, command: str, arguments: dict | None = None, timeout_s: float = 10) -> object:
        if command == "query-dump":
            return {"status": self.status}
        if self.refuses:
            raise QmpLost(f"QMP {command}: {self.refuses}")
        assert command == "dump-guest-memory"
        assert arguments["paging"] is False
        assert arguments["detach"] is True
        handle = os.open(arguments["protocol"].removeprefix("file:"), os.O_WRONLY)
        self.writer = threading.Thread(target=self.write, args=(handle,))
        self.writer.start()
        return {}

    def write(self, handle: int) -> None:
        try:
            with os.fdopen(handle, "wb") as pipe:
                pipe.write(self.memory)
                pipe.flush()
                if self.stays:
                    self.over.wait(10)
        except BrokenPipeError:
            self.broken = True


def saved(monitor: Monitor, tmp_path: Path, cancelled: threading.Event = NEVER) -> vmcore.Vmcore:
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    try:
        return save_vmcore(monitor, tmp_path / "vmcore.zst", sockets, len(monitor.memory), cancelled)
    finally:
        monitor.over.set()
        if monitor.writer:
            monitor.writer.join()
        assert list(sockets.iterdir()) == [], "the pipe is gone"


def test_dump_comes_back_to_the_byte_and_memory_of_zeros_takes_no_disk(tmp_path):
    memory = b"\x7fELF" + random.Random(1).randbytes(3 * MIB) + bytes(60 * MIB) + b"end"
    kept = saved(Monitor(memory), tmp_path)
    assert (kept.plain, kept.packed) == (len(memory), (tmp_path / "vmcore.zst").stat().st_size)
    assert kept.packed < 4 * MIB
    with unpacked_vmcore(tmp_path / "vmcore.zst") as plain:
        assert plain.read_bytes() == memory
        assert plain.stat().st_blocks * 512 < 8 * MIB
    assert not plain.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sockets", "vmcore.zst"]


def test_memory_that_ends_in_zeros_keeps_its_size(tmp_path):
    memory = b"x" + bytes(5 * MIB)
    saved(Monitor(memory), tmp_path)
    with unpacked_vmcore(tmp_path / "vmcore.zst") as plain:
        assert plain.read_bytes() == memory


def test_dump_that_qemu_gave_up_is_no_dump(tmp_path):
    with pytest.raises(MeasureError, match="QEMU's dump of the guest's memory is failed"):
        saved(Monitor(b"half", status="failed"), tmp_path)
    assert not (tmp_path / "vmcore.zst").exists()


def test_qemu_that_refuses_leaves_nothing_behind(tmp_path):
    with pytest.raises(QmpLost, match="another dump is in progress"):
        saved(Monitor(b"", refuses="another dump is in progress"), tmp_path)
    assert not (tmp_path / "vmcore.zst").exists()


def test_qemu_that_stands_still_is_waited_for_no_longer_than_said(tmp_path, monkeypatch):
    monkeypatch.setattr(vmcore, "STALL_S", 0.3)
    with pytest.raises(MeasureError, match="stood still"):
        saved(Monitor(b"a little", stays=True), tmp_path)
    assert not (tmp_path / "vmcore.zst").exists()


def test_dump_as_a_whole_has_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(vmcore, "LONGEST_S", 0.3)
    with pytest.raises(MeasureError, match="took too long"):
        saved(Monitor(b"a little", stays=True), tmp_path)


def test_dump_that_is_called_off_lets_qemu_go(tmp_path):
    cancelled = threading.Event()
    cancelled.set()
    monitor = Monitor(bytes(8 * MIB))
    with pytest.raises(MeasureError, match="called off"):
        saved(monitor, tmp_path, cancelled)
    assert monitor.broken
    assert not (tmp_path / "vmcore.zst").exists()


def test_disk_without_room_gets_no_dump_and_says_how_much_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(vmcore.shutil, "disk_usage", lambda _: Usage(500 * MIB))
    with pytest.raises(MeasureError, match="has 500 MiB left, and a dump leaves 1024 MiB"):
        saved(Monitor(b"memory"), tmp_path)
    assert not (tmp_path / "vmcore.zst").exists()


def test_disk_that_fills_up_meanwhile_keeps_its_last_room(tmp_path, monkeypatch):
    left = iter([2 << 30, *[100 * MIB] * 99])
    monkeypatch.setattr(vmcore.shutil, "disk_usage", lambda _: Usage(next(left)))
    monitor = Monitor(random.Random(1).randbytes(8 * MIB))
    with pytest.raises(MeasureError, match="has 100 MiB left"):
        saved(monitor, tmp_path)
    assert monitor.broken
    assert not (tmp_path / "vmcore.zst").exists()


def test_folder_that_cannot_be_written_to_is_said_in_one_line(tmp_path):
    (tmp_path / "vmcore.zst").mkdir()
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    with pytest.raises(MeasureError, match=r"vmcore\.zst: Is a directory"):
        save_vmcore(Monitor(b""), tmp_path / "vmcore.zst", sockets, 1, NEVER)


def test_torn_file_is_not_unpacked(tmp_path):
    path = tmp_path / "vmcore.zst"
    path.write_bytes(zstandard.compress(random.Random(1).randbytes(MIB))[: MIB // 2])
    assert is_packed(path)
    with pytest.raises(MeasureError, match="torn"), unpacked_vmcore(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_no_room_to_unpack_is_the_hosts_fault(tmp_path, monkeypatch):
    path = tmp_path / "vmcore.zst"
    path.write_bytes(zstandard.compress(b"x"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vmcore, "_unpack", full)
    with pytest.raises(HostError, match="No space left on device; free some disk"), unpacked_vmcore(path):
        pass


def test_other_files_are_not_taken_for_packed_ones(tmp_path):
    path = tmp_path / "vmcore"
    path.write_bytes(b"\x7fELF")
    assert not is_packed(path)
