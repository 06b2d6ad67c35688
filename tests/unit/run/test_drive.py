# SPDX-License-Identifier: GPL-2.0-only
"""A phase is read again while its channels disagree; the guest is a script."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from testbed.build import KernelImage
from testbed.errors import MeasureError
from testbed.machine.target import Target
from testbed.run.drive import READINGS, Notes, drive
from testbed.run.guard import Guard
from testbed.run.plan import Cell

COUNTERS = {"pagetables_kb": 344, "vmpte_kb": 40, "needed": {"pte": 4}}
KERNEL = SimpleNamespace(name="vanilla", release="6.12.1", build_id="c0ffee", vmlinux=None)
CELL = SimpleNamespace(
    guest=SimpleNamespace(levels=4),
    scenario=SimpleNamespace(label="benign/loop", workload="loop", argv=(), env={}, deadline_s=10.0),
)


class Script:
    """A guest whose console says ``shown`` kB, one figure for each reading, where its data channel says 344 kB."""

    def __init__(self, *shown: int, **booted: str) -> None:
        self.shown = list(shown)
        self.booted = {"release": "6.12.1", "build_id": "c0ffee"} | booted
        self.told: list[str] = []

    def start(self, _deadline: object) -> dict[str, Any]:
        return {"levels": 4, "tainted": 0, **self.booted}

    def send(self, *lines: tuple[str, str]) -> None:
        self.told.append(dict(lines)["cmd"])

    def receive(self, _deadline: object) -> dict[str, Any]:
        match self.told[-1]:
            case "run" | "again":
                return {
                    "type": "phase",
                    "phase": "start",
                    "pid": 32,
                    "counters": COUNTERS,
                    "settled": True,
                    "settle_ms": 1,
                }
            case "continue":
                return {"type": "exit", "status": 0}
            case _:
                return {"type": "hello"}

    def expect_console(self, _pattern: str, _deadline: object) -> str:
        return f"pagetables_kb={self.shown.pop(0)} vmpte_kb=40"


@pytest.mark.parametrize(
    ("shown", "readings", "agree"),
    [((344,), 1, True), ((348, 344), 2, True), ((348, 340, 336), READINGS, False)],
)
def test_phase_is_read_until_the_channels_agree_but_not_for_ever(
    tmp_path: Path, shown: tuple[int, ...], readings: int, agree: bool
):
    machine, notes = Script(*shown), Notes()
    guard, cell = cast(Guard, SimpleNamespace()), cast(Cell, CELL)
    drive(cast(Target, machine), guard, cell, cast(KernelImage, KERNEL), tmp_path, 1.0, notes, "nobody looks")
    assert machine.told == ["run", *["again"] * (readings - 1), "continue", "ping"]
    assert (notes.phases["start"]["readings"], notes.phases["start"]["agree"]) == (readings, agree)
    assert bool(notes.phases["start"]["disagreement"]) is not agree


@pytest.mark.parametrize("booted", [{"release": "6.12.2"}, {"build_id": "dec0de"}])
def test_another_kernel_than_the_one_to_be_measured_is_no_result(tmp_path: Path, booted: dict[str, str]):
    machine, notes = Script(344, **booted), Notes()
    guard, cell, kernel = cast(Guard, SimpleNamespace()), cast(Cell, CELL), cast(KernelImage, KERNEL)
    with pytest.raises(
        MeasureError, match=r"another kernel booted than vanilla: release .*, where 6.12.1, c0ffee was to"
    ):
        drive(cast(Target, machine), guard, cell, kernel, tmp_path, 1.0, notes)
    assert (machine.told, notes.phases) == ([], {})
