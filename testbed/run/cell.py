# SPDX-License-Identifier: GPL-2.0-only
"""One cell from start to verdict: boot, run the workload, measure at each phase, judge, and leave no guest behind."""

import json
import secrets
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from testbed.build import GuestImage, KernelImage
from testbed.errors import GuestLost, MachineError, MeasureError
from testbed.judge.verdict import Evidence, Verdict, judge
from testbed.machine.accel import Accel
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.machine.qemu import Launch, command_line
from testbed.measure.outside import Examiner
from testbed.measure.sample import console_pattern, sample
from testbed.run.launching import BOOT_S, guest_launch, slowdown, watch
from testbed.run.plan import Cell
from testbed.store.record import CellResult

__all__ = ["Job", "launch_for", "run_cell"]

SETTLE_S = 2.0
CONSOLE_S = 5.0
# The agent's heart beats every second while a workload runs.
SILENCE_S = 20.0


@dataclass(frozen=True)
class Job:
    """A cell with the artefacts it runs on."""

    cell: Cell
    kernel: KernelImage
    guest: GuestImage
    accel: Accel
    run: str
    folder: Path

    @property
    def slowdown(self) -> float:
        """How much longer than on KVM things may take here."""
        return slowdown(self.accel, self.cell.kernel.name)


@dataclass
class _Notes:
    """What is learnt while a cell runs."""

    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    exit: dict[str, Any] | None = None
    loss: str | None = None
    words: str = ""
    start_s: float | None = None


def launch_for(cell: Cell, accel: Accel, kernel: Path, initramfs: Path, folder: Path, sockets: Path) -> Launch:
    """Give the launch of a cell: its guest's, with the RAM that the scenario wants."""
    return guest_launch(cell.guest, accel, kernel, initramfs, folder, sockets, cell.memory_bytes)


def run_cell(job: Job, cancelled: threading.Event) -> CellResult:
    """Run a cell; every failure of guest or harness becomes a verdict, nothing is raised for them."""
    began = time.monotonic()
    notes = _Notes()
    console = ""
    harness: Verdict | None = None
    with tempfile.TemporaryDirectory(prefix="tb-") as sockets:
        launch = launch_for(job.cell, job.accel, job.kernel.bzimage, job.guest.initramfs, job.folder, Path(sockets))
        (job.folder / "by-hand.txt").write_text(command_line(launch) + "\n")
        with Machine(launch, watch, cancelled) as machine:
            try:
                _drive(job, machine, notes)
            except GuestLost as lost:
                notes.loss = str(lost)
            except (MachineError, MeasureError) as error:
                # QEMU that did not come up or lost its monitor says nothing about the kernel
                harness = Verdict("error", str(error))
            console = machine.console_text
    verdict = harness or _judge(job.cell, notes, console)
    return _result(job, notes, verdict, time.monotonic() - began)


def _judge(cell: Cell, notes: _Notes, console: str) -> Verdict:
    evidence = Evidence(notes.nonce, console, cell.scenario.phases, notes.exit, notes.loss, notes.phases, notes.words)
    kernel = cell.kernel.base_name
    return judge(
        evidence,
        cell.scenario.expectations_for(kernel),
        cell.scenario.gap_for(kernel),
        cell.scenario.may_die,
    )


def _drive(job: Job, machine: Machine, notes: _Notes) -> None:
    """Boot the guest and walk the workload through its phases."""
    scenario = job.cell.scenario
    began = time.monotonic()
    hello = machine.start(Deadline.after(BOOT_S, job.slowdown))
    asked = job.cell.guest.levels
    if hello["levels"] != asked:
        # QEMU only warns where the host's CPU lacks LA57
        raise MeasureError(f"the guest has {hello['levels']} levels of page tables, not {asked}; use --accel tcg")
    notes.start_s = round(time.monotonic() - began, 3)
    examiner = _examiner(machine, job.kernel.vmlinux)
    deadline = Deadline.after(scenario.deadline_s, job.slowdown)
    machine.send(
        ("cmd", "run"),
        ("name", scenario.label),
        ("exec", f"/workloads/{scenario.workload}"),
        *(("arg", argument) for argument in scenario.argv),
        *(("env", f"{key}={value}") for key, value in scenario.env.items()),
        ("nonce", notes.nonce),
        ("settle_ms", str(int(SETTLE_S * 1000 * job.slowdown))),
    )
    with (job.folder / "samples.jsonl").open("w") as samples, (job.folder / "output.log").open("w") as output:
        while notes.exit is None:
            message = machine.receive(deadline.sooner(SILENCE_S * job.slowdown))
            samples.write(json.dumps(message) + "\n")
            match message["type"]:
                case "phase":
                    notes.phases[message["phase"]] = _measure(job, machine, examiner, message, notes.nonce)
                    machine.send(("cmd", "continue"))
                case "output":
                    output.write(f"{message['stream']}: {message['text']}\n")
                    if message["stream"] == "stderr":
                        notes.words = message["text"]
                case "value":
                    notes.values[message["key"]] = int(message["value"])
                case "exit":
                    notes.exit = message
                case "error":
                    raise MeasureError(f"the guest's agent: {message['what']}")


def _examiner(machine: Machine, vmlinux: Path) -> Examiner | str:
    """Attach drgn, or say why this host does not let it."""
    try:
        return Examiner(machine.launch.examine_socket, vmlinux)
    except MeasureError as error:
        return str(error)


def _measure(
    job: Job, machine: Machine, examiner: Examiner | str, message: Mapping[str, Any], nonce: str
) -> dict[str, Any]:
    """Read all channels of a phase; the workload waits, the vCPUs stand still for the view from outside."""
    line = machine.expect_console(console_pattern(nonce, message["phase"]), Deadline.after(CONSOLE_S, job.slowdown))
    if isinstance(examiner, str):
        record = sample(message["counters"], line, None, None, unexamined=examiner)
    else:
        machine.pause()
        try:
            outside_kb = examiner.pagetable_kb()
            tables = examiner.tables(int(message["pid"]))
        finally:
            machine.resume()
        record = sample(message["counters"], line, outside_kb, tables)
    return {**record, "settled": message["settled"], "settle_ms": message["settle_ms"]}


def _result(job: Job, notes: _Notes, verdict: Verdict, wall_s: float) -> CellResult:
    cell, kernel = job.cell, job.kernel
    result = CellResult(
        run=job.run,
        cell=cell.name,
        kernel={
            "name": cell.kernel.name,
            "release": kernel.release,
            "source_version": kernel.source_version,
            "patchset_hash": kernel.patchset_hash,
            "config_hash": kernel.config_hash,
            "build_id": kernel.build_id,
        },
        guest={
            "name": cell.guest.name,
            "vcpus": cell.guest.vcpus,
            "memory_mib": cell.memory_bytes >> 20,
            "levels": cell.guest.levels,
        },
        scenario={"name": cell.scenario.name, "kind": cell.scenario.kind, "params": dict(cell.scenario.params)},
        accel=asdict(job.accel),
        verdict=verdict.kind,
        reason=verdict.reason,
        wall_s=round(wall_s, 3),
        start_s=notes.start_s,
        exit={key: notes.exit.get(key) for key in ("status", "signal", "oom_kill")} if notes.exit else None,
        phases=notes.phases,
        values=notes.values,
    )
    (job.folder / "verdict.json").write_text(json.dumps(asdict(verdict), indent=2) + "\n")
    return result
