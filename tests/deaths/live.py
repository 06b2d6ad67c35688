# SPDX-License-Identifier: GPL-2.0-only
"""One death in a live guest, with a second pair of eyes: when its sign was in the console's file, and when we told."""

import contextlib
import dataclasses
import os
import re
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kinds import Kind

from testbed.build import GuestImage, KernelImage, build_guest, build_kernel
from testbed.machine.accel import Accel
from testbed.run.cell import Job, run_cell
from testbed.run.plan import Cell
from testbed.run.where import accelerator
from testbed.spec import load_guest, load_scenario, resolve_kernel

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "deaths" / "die.yaml"
POLL_S = 0.01


@dataclass(frozen=True)
class Death:
    """What was told of it: the record, the folder of its evidence, and seconds from the sign to the verdict."""

    record: dict[str, Any]
    folder: Path
    told_s: float | None


def report(step: str, what: str) -> None:
    """Say on stderr what takes long."""
    print(f"{step}: {what}", file=sys.stderr)


@cache
def accel() -> Accel:
    """Choose the accelerator once."""
    return accelerator("auto", False, report)


@cache
def kernel(name: str) -> KernelImage:
    """Build a kernel once."""
    return build_kernel(ROOT, resolve_kernel(ROOT, name), report)


@cache
def guest(name: str) -> GuestImage:
    """Build a guest once."""
    return build_guest(ROOT, load_guest(ROOT, name), report)


def die(kind: Kind, folder: Path, kernel_name: str | None = None) -> Death:
    """Let a guest die in that way; raises nothing for a wrong verdict, which is the caller's to judge."""
    name = kernel_name or kind.kernel
    scenario = load_scenario(ROOT, SCENARIO).at("small", {"how": kind.how} if kind.how else {})
    if kind.memory is not None:
        scenario = dataclasses.replace(scenario, memory_bytes=kind.memory)
    cell = Cell(resolve_kernel(ROOT, name), load_guest(ROOT, kind.guest), scenario, 1)
    image = guest(kind.guest)
    if kind.initramfs is not None:
        image = dataclasses.replace(image, initramfs=folder / "initramfs")
        image.initramfs.write_bytes(kind.initramfs)
    job = Job(cell, kernel(name), image, accel(), "deaths", folder)
    with _Eyes(folder, kind) as eyes:
        result = run_cell(job, threading.Event())
        told = time.monotonic()
    return Death(result.record(), folder, told - eyes.seen if eyes.seen else None)


class _Eyes:
    """Reads console.log, as QEMU writes it, and does to QEMU what the kind wants done when the sign is there."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.seen: float | None = None
        self._folder = folder
        self._kind = kind
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="eyes")

    def __enter__(self) -> "_Eyes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        if self._kind.says is None:
            return
        sign = re.compile(self._kind.says.encode())
        console = self._folder / "console.log"
        while not self._over.wait(POLL_S):
            if console.is_file() and sign.search(console.read_bytes()):
                self.seen = time.monotonic()
                break
        if self.seen and self._kind.strike is not None:
            for pid in _qemus(self._folder):
                os.kill(pid, self._kind.strike)


def _qemus(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if line.startswith(b"qemu-system") and str(folder).encode() in line:
                found.append(int(entry.name))
    return found
