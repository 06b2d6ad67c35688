# SPDX-License-Identifier: GPL-2.0-only
"""A phase is read again while its channels disagree; samples are no progress. The guest is a script."""

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from testbed.build import KernelImage
from testbed.errors import GuestHung, MeasureError, QmpLost
from testbed.machine.deadline import Deadline
from testbed.machine.target import Target
from testbed.run import drive as driving
from testbed.run.drive import READINGS, drive
from testbed.run.guard import Guard
from testbed.run.notes import Notes
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
        self.pid = os.getpid()  # in QEMU's place
        self.qmp = self.guest = self
        self.launch, self.console_text = SimpleNamespace(cmdline=()), ""
        self.sample_ms = 0

    def execute(self, *_: object) -> None:
        raise QmpLost("no balloon")

    def start(self, _deadline: object) -> dict[str, Any]:
        return {"levels": 4, "tainted": 0, **self.booted}

    def send(self, *lines: tuple[str, str]) -> None:
        self.told.append(dict(lines)["cmd"])
        self.sample_ms = int(dict(lines).get("sample_ms", self.sample_ms))

    def receive(self, deadline: Deadline) -> dict[str, Any]:
        message = self.listen(deadline)
        if message is None:
            raise GuestHung(f"the guest's agent sent nothing for {deadline.allowed_s:.1f} s")
        return message

    def listen(self, _deadline: Deadline) -> dict[str, Any] | None:
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


class Sampling(Script):
    """Its workload makes no phase: the agent tells a sample each 5 ms, or after ``samples`` of them nothing."""

    def __init__(self, samples: int | None = None) -> None:
        super().__init__()
        self.left = samples

    def listen(self, deadline: Deadline) -> dict[str, Any] | None:
        wait_s = deadline.left_s if self.left == 0 else 0.005
        time.sleep(min(wait_s, deadline.left_s))
        if deadline.passed:
            return None
        self.left = self.left and self.left - 1
        return {"type": "sample", "counters": {"vmpte_kb": 40}}


def driven(machine: Script, folder: Path, notes: Notes, deadline_s: float = 10.0) -> None:
    scenario = SimpleNamespace(**{**vars(CELL.scenario), "deadline_s": deadline_s})
    guard, cell = cast(Guard, SimpleNamespace()), cast(Cell, SimpleNamespace(guest=CELL.guest, scenario=scenario))
    drive(cast(Target, machine), guard, cell, cast(KernelImage, KERNEL), folder, 1.0, notes, "nobody looks")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("shown", "readings", "agree"),
    [((344,), 1, True), ((348, 344), 2, True), ((348, 340, 336), READINGS, False)],
)
def test_phase_is_read_until_the_channels_agree_but_not_for_ever(
    tmp_path: Path, shown: tuple[int, ...], readings: int, agree: bool
):
    machine, notes = Script(*shown), Notes()
    driven(machine, tmp_path, notes)
    assert machine.told == ["run", *["again"] * (readings - 1), "continue", "ping"]
    assert (notes.phases["start"]["readings"], notes.phases["start"]["agree"]) == (readings, agree)
    assert bool(notes.phases["start"]["disagreement"]) is not agree


def test_agent_is_asked_for_samples_and_every_line_has_its_time(tmp_path: Path):
    machine = Script(344)
    driven(machine, tmp_path, Notes())
    assert machine.sample_ms > 0
    assert [line["type"] for line in lines(tmp_path)] == ["phase", "exit"]
    assert all(0 <= line["t"] < 1 for line in lines(tmp_path))


def test_workload_that_is_sampled_and_comes_to_no_end_is_a_hang_when_its_time_is_over(tmp_path: Path):
    with pytest.raises(GuestHung, match="the workload was not done in 0 s, the agent is alive; no phase was reached"):
        driven(Sampling(), tmp_path, Notes(), deadline_s=0.3)
    kinds = {line["type"] for line in lines(tmp_path)}
    assert kinds == {"sample", "outside"}


def test_silence_is_counted_from_the_last_sample_while_qemu_is_looked_at(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(driving, "SILENCE_S", 0.3)
    with pytest.raises(GuestHung, match=r"the guest's agent sent nothing for 0\.3 s; no phase was reached"):
        driven(Sampling(samples=3), tmp_path, Notes())
    found = lines(tmp_path)
    (last,) = [line["t"] for line in found if line["type"] == "sample"][2:]
    outside = [line["t"] for line in found if line["type"] == "outside"]
    assert len([t for t in outside if last < t < last + 0.3]) >= 3


@pytest.mark.parametrize("booted", [{"release": "6.12.2"}, {"build_id": "dec0de"}])
def test_another_kernel_than_the_one_to_be_measured_is_no_result(tmp_path: Path, booted: dict[str, str]):
    machine, notes = Script(344, **booted), Notes()
    wrong = r"another kernel booted than vanilla: release .*, where 6.12.1, c0ffee was to"
    with pytest.raises(MeasureError, match=wrong):
        driven(machine, tmp_path, notes)
    assert (machine.told, notes.phases) == ([], {})
