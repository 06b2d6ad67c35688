# SPDX-License-Identifier: GPL-2.0-only
"""How fast a census is, by each way to a guest's memory, beside the mere reading of the same bytes."""

import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from drgn import Program

from testbed.build import Progress, build_guest, build_kernel
from testbed.errors import GuestLost, MeasureError
from testbed.machine.accel import Accel
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.machine.sockets import socket_folder
from testbed.measure.census import WAYS, Memory, guest_memory_by, qemu_blocks, table_frames, take
from testbed.measure.outside import Examiner
from testbed.run.guard import Guard
from testbed.run.launching import BOOT_S, guest_launch, slowdown
from testbed.spec import GuestSpec, KernelSpec

__all__ = ["SIZES", "Speed", "bench_census"]

SIZES = (10_000, 100_000, 1_000_000)
REPEATS = 5
# A way that takes so long is not tried again: it does not get faster.
SLOW_S = 2.0
WORKLOAD, PHASE = "zeropage-flood", "peak"
TABLE_SPAN = 2 << 20
TABLE_BYTES = 4096
BESIDE_TABLES = 640 << 20
MIB = 1 << 20
# Making a table takes a guest under TCG some 20 µs.
FLOOD_S_PER_TABLE = 50e-6
THREADS, BATCH = 2, 1024


@dataclass(frozen=True)
class Speed:
    """One way at one size: ``seconds`` of each census, ``read_seconds`` of reading as many bytes of the same tables."""

    kernel: str
    tables: int
    way: str
    seconds: tuple[float, ...]
    read_seconds: tuple[float, ...]
    accel: str

    @property
    def median_s(self) -> float:
        """The census that is in the middle."""
        return statistics.median(self.seconds)

    @property
    def read_s(self) -> float:
        """The reading that is in the middle."""
        return statistics.median(self.read_seconds)

    @property
    def tables_per_s(self) -> int:
        """Speed by the middle one."""
        return round(self.tables / self.median_s)


def bench_census(
    root: Path, kernels: Sequence[KernelSpec], guest: GuestSpec, sizes: Sequence[int], accel: Accel, progress: Progress
) -> Iterator[Speed]:
    """Boot a guest for each kernel and size, let a program make so many tables, count them while it waits.

    Raises MachineError where the guest dies, MeasureError where it can't be read at all.
    """
    image = build_guest(root, guest, progress)
    for kernel in kernels:
        built = build_kernel(root, kernel, progress)
        slow = slowdown(accel, kernel.name)
        for tables in sizes:
            memory = (tables * TABLE_BYTES + BESIDE_TABLES) // MIB * MIB
            with socket_folder() as folder:
                launch = guest_launch(
                    guest, accel, built.bzimage, image.initramfs, folder, folder, slow, memory_bytes=memory
                )
                with Machine(replace(launch, shared_ram=True), Guard()) as machine:
                    progress("bench", f"{kernel.name}: a program makes {tables:,} tables")
                    machine.start(Deadline.after(BOOT_S, slow))
                    _flood(machine, tables, slow)
                    machine.pause()
                    examiner = Examiner(launch.examine_socket, built.vmlinux)
                    progress("bench", f"{kernel.name}: counting {tables:,} tables")
                    yield from _ways(machine, examiner.program, kernel.name, accel)


def _flood(machine: Machine, tables: int, slow: float) -> None:
    machine.send(
        ("cmd", "run"),
        ("name", WORKLOAD),
        ("exec", f"/workloads/{WORKLOAD}"),
        ("arg", f"--span={tables * TABLE_SPAN}"),
        ("nonce", "bench"),
    )
    deadline = Deadline.after(BOOT_S + tables * FLOOD_S_PER_TABLE, slow)
    while True:
        message = machine.receive(deadline)
        if message["type"] == "exit":
            raise GuestLost(f"{WORKLOAD} ended before it had made its tables: {message}")
        if message["type"] == "phase":
            if message["phase"] == PHASE:
                return
            machine.send(("cmd", "continue"))


def _ways(machine: Machine, program: Program, kernel: str, accel: Accel) -> Iterator[Speed]:
    """Time all ways in turns, so that whatever else the host does hits each alike."""
    if machine.pid is None:
        raise MeasureError("QEMU is gone")
    blocks = qemu_blocks(machine.qmp.execute)
    memories = [guest_memory_by(way, program, machine.pid, blocks) for way in WAYS]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    reading: dict[str, list[float]] = {way: [] for way in WAYS}
    counted = 0
    for _ in range(REPEATS):
        for memory in memories:
            if seconds[memory.way] and seconds[memory.way][0] > SLOW_S and memory.way == WAYS[-1]:
                continue
            census = take(program, memory)
            counted = len(census.tables.level)
            seconds[memory.way].append(round(census.seconds, 4))
            reading[memory.way].append(round(_read_s(program, memory), 4))
    for way in WAYS:
        yield Speed(kernel, counted, way, tuple(seconds[way]), tuple(reading[way]), accel.kind)


def _read_s(program: Program, memory: Memory) -> float:
    """Read all tables and look at nothing, in the same batches and threads as the census."""
    frames = table_frames(program, memory).astype(np.uint64) << np.uint64(12)
    begins = range(0, len(frames), BATCH)

    def read(share: range) -> None:
        room = np.empty((BATCH, TABLE_BYTES), dtype=np.uint8)
        for begin in share:
            memory.gather(frames[begin : begin + BATCH], TABLE_BYTES, room)

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, [begins[number::THREADS] for number in range(THREADS)]))
    return time.perf_counter() - began
