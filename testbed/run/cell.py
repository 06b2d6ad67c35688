# SPDX-License-Identifier: GPL-2.0-only
"""One cell from start to verdict: boot, run the workload, measure at each phase, judge, and leave no guest behind."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from testbed.build import GuestImage, KernelImage
from testbed.errors import GuestHung, GuestLost, LineLost, MachineError, MeasureError, QmpLost
from testbed.judge.evidence import Evidence
from testbed.judge.ktap import Ktap, parse_ktap
from testbed.judge.selftest import judge_selftest
from testbed.judge.verdict import Verdict, judge
from testbed.machine.accel import Accel
from testbed.machine.machine import Machine
from testbed.machine.qemu import Launch
from testbed.machine.serialmachine import SerialMachine
from testbed.machine.sockets import socket_folder
from testbed.machine.target import Target
from testbed.measure.symbols import Symbols
from testbed.run.autopsy import DEATH, autopsy, keep_memory
from testbed.run.bundle.stored import store_cell
from testbed.run.cellrecord import crash_record, guest_record, kernel_record, scenario_record, write_verdict
from testbed.run.culprit import draw_culprit
from testbed.run.drive import NO_CENSUS, OUTPUT, STDOUT, drive
from testbed.run.guard import Guard
from testbed.run.handlines import hand_lines
from testbed.run.host import host_facts
from testbed.run.launching import guest_launch, slowdown
from testbed.run.metal import Metal, metal_boot, metal_slowdown
from testbed.run.notes import Notes
from testbed.run.plan import Cell
from testbed.run.postmortem import crash_text, hang_text
from testbed.run.reproduce.amplify import amplified_record, launch_amplified, stretch
from testbed.run.sign import shown_by
from testbed.store.record import CellResult

__all__ = ["Job", "launch_for", "run_cell"]


@dataclass(frozen=True)
class Job:
    """A cell with the artefacts it runs on, and the machine if that is no guest on this host.

    With ``vmcore`` the memory of a guest that dies or stands still is kept in its folder.
    """

    cell: Cell
    kernel: KernelImage
    guest: GuestImage
    accel: Accel
    run: str
    folder: Path
    census: bool = True
    metal: Metal | None = None
    retry: bool = False
    vmcore: bool = False

    @property
    def slowdown(self) -> float:
        """How much longer than on KVM things may take here."""
        if self.metal is not None:
            return metal_slowdown(self.metal.spec, self.cell)
        return _slowdown(self.cell, self.accel)

    @property
    def unexamined(self) -> str:
        """Why nobody is to look at its memory from outside; empty where somebody is."""
        if self.metal is not None:
            return self.metal.unexamined
        return "" if self.census else NO_CENSUS


def launch_for(cell: Cell, accel: Accel, kernel: Path, initramfs: Path, folder: Path, sockets: Path) -> Launch:
    """Give the launch of a cell: its guest's, with the RAM that the scenario wants and what makes its bug likelier.

    Raises HostError where this host can't do what makes it likelier.
    """
    slow = _slowdown(cell, accel)
    launch = guest_launch(cell.guest, accel, kernel, initramfs, folder, sockets, slow, cell.memory_bytes)
    launch = replace(launch, balloon=True)
    return launch_amplified(launch, cell.bug.amplify, cell.attempt, slow) if cell.bug else launch


def _slowdown(cell: Cell, accel: Accel) -> float:
    shared = stretch(cell.bug.amplify, cell.guest.vcpus) if cell.bug else 1.0
    return slowdown(accel, cell.kernel.name) * shared


@dataclass(frozen=True)
class _End:
    """How the guest's part of a cell ended: lost, not judgeable, or neither."""

    loss: str | None = None
    hung: bool = False
    harness: str | None = None
    log: str = ""


def run_cell(job: Job, cancelled: threading.Event) -> CellResult:
    """Run a cell; every failure of guest or harness becomes a verdict, nothing is raised for them."""
    began = time.monotonic()
    notes, guard, end = Notes(), Guard(), _End()
    symbols = Symbols(job.kernel.vmlinux)
    with _target(job, guard, cancelled) as machine:
        try:
            _drive(machine, guard, job, notes)
        except GuestHung as hung:
            end = _hung(machine, guard, job, symbols, hung)
            _examine(machine, job, notes, cancelled)
        except GuestLost as lost:
            end = _End(loss=str(lost), log=guard.log())
            _examine(machine, job, notes, cancelled)
        except (MachineError, MeasureError) as error:
            # QEMU that did not come up or was killed, and numbers that can't be taken, say nothing of the kernel
            end = _End(harness=str(error))
        console = machine.console_text
    evidence = _evidence(job, notes, guard, end, console)
    (job.folder / "evidence.json").write_text(json.dumps(evidence.record()) + "\n")
    if end.log:
        (job.folder / "dmesg.txt").write_text(end.log)
    ktap = _ktap(job.folder) if job.cell.scenario.test else None
    verdict = _judge(job.cell, evidence) if ktap is None else judge_selftest(evidence, ktap)
    report = crash_text(verdict.crash, symbols) if verdict.crash is not None else ""
    if report:
        (job.folder / "crash.txt").write_text(report)
    if DEATH in notes.phases:
        draw_culprit(job.folder, job.cell.name, verdict.crash, notes.pid, notes.leaders)
    shown = shown_by(job.cell.bug, evidence, verdict, report, job.folder, notes.start_s is not None)
    return _result(job, notes, verdict, ktap, time.monotonic() - began, shown)


@contextmanager
def _target(job: Job, guard: Guard, cancelled: threading.Event) -> Iterator[Target]:
    """What the cell runs on, not started yet; its folder says how to boot the same by hand."""
    kernel, initramfs = job.kernel.bzimage, job.guest.initramfs
    with socket_folder() as sockets:
        # of a machine's cell too: a guest on this host is where its kernel can be looked at
        accel = job.accel if job.metal is None else Accel("tcg", "by hand")
        launch = launch_for(job.cell, accel, kernel, initramfs, job.folder, sockets)
        store_cell(job.cell, job.folder)
        (job.folder / "by-hand.txt").write_text("\n".join(hand_lines(job.cell, launch)) + "\n")
        if job.metal is None:
            with Machine(launch, guard, cancelled) as guest:
                yield guest
            return
    boot = metal_boot(job.metal.spec, job.cell, kernel, initramfs, job.folder)
    (job.folder / "cmdline.txt").write_text(f"{boot.parameters}\n")
    with SerialMachine(boot, job.metal.switch, guard, cancelled) as machine:
        yield machine


def _hung(machine: Target, guard: Guard, job: Job, symbols: Symbols, hung: GuestHung) -> _End:
    try:
        text, where = hang_text(machine, symbols, job.slowdown)
    except QmpLost as lost:
        return _End(harness=f"{hung}; QEMU itself stands still ({lost}), nothing is known of the guest")
    except LineLost as lost:
        return _End(harness=f"{hung}; {lost}")
    (job.folder / "hang.txt").write_text(text)
    return _End(loss=f"{hung}; {where}", hung=True, log=guard.log())


def _drive(machine: Target, guard: Guard, job: Job, notes: Notes) -> None:
    try:
        drive(machine, guard, job.cell, job.kernel, job.folder, job.slowdown, notes, job.unexamined)
    except (QmpLost, MeasureError):
        # a monitor or a memory that can't be read may be those of a guest that has just died
        machine.look_again()
        raise


def _examine(machine: Target, job: Job, notes: Notes, cancelled: threading.Event) -> None:
    """Take from a dead guest what a person may want to see of it."""
    autopsy(machine, job.folder, notes)
    if job.vmcore and not cancelled.is_set():
        keep_memory(machine, job.folder, notes, cancelled)


def _evidence(job: Job, notes: Notes, guard: Guard, end: _End, console: str) -> Evidence:
    return Evidence(
        nonce=notes.nonce,
        console=console,
        wanted=job.cell.scenario.phases,
        exit=notes.exit,
        loss=end.loss,
        hung=end.hung,
        harness=end.harness,
        phases=notes.phases,
        words=notes.words,
        refuted=frozenset(guard.refuted),
        log=end.log,
        tainted=notes.tainted,
        unexamined=job.unexamined,
    )


def _judge(cell: Cell, evidence: Evidence) -> Verdict:
    kernel, scenario = cell.kernel.name, cell.scenario
    return judge(evidence, scenario.expectations_for(kernel), scenario.gap_for(kernel), scenario.may_die)


def _ktap(folder: Path) -> Ktap:
    """What the cell's test printed on stdout."""
    log = folder / OUTPUT
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return parse_ktap([line.removeprefix(STDOUT) for line in lines if line.startswith(STDOUT)])


def _result(
    job: Job, notes: Notes, verdict: Verdict, ktap: Ktap | None, wall_s: float, shown: dict[str, Any] | None
) -> CellResult:
    cell = job.cell
    result = CellResult(
        run=job.run,
        cell=cell.name,
        kernel=kernel_record(cell, job.kernel),
        guest=guest_record(cell),
        scenario=scenario_record(cell),
        accel=asdict(job.accel),
        verdict=verdict.kind,
        reason=verdict.reason,
        wall_s=round(wall_s, 3),
        start_s=notes.start_s,
        exit={key: notes.exit.get(key) for key in ("status", "signal", "oom_kill")} if notes.exit else None,
        phases=notes.phases,
        values=notes.values,
        crash=crash_record(verdict),
        subtests={result.name: result.outcome for result in ktap.results} if ktap else None,
        host=job.metal.host(host_facts()["host"]) if job.metal else host_facts()["host"],
        shown=shown,
        vmcore=notes.vmcore,
        amplified=amplified_record(cell.bug.amplify, cell.attempt) if cell.bug else None,
    )
    write_verdict(job.folder, result)
    return result
