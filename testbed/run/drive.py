# SPDX-License-Identifier: GPL-2.0-only
"""A workload walked through its phases in a running guest, measured at each, watched for progress."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from testbed.build import KernelImage
from testbed.errors import GuestHung, MeasureError
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.machine.target import Target
from testbed.measure.outside import Examiner
from testbed.measure.sample import console_pattern, judged_spaces, sample
from testbed.run.delaypoints import check_points
from testbed.run.guard import Guard
from testbed.run.launching import BOOT_S, SILENCE_S
from testbed.run.notes import Notes
from testbed.run.plan import Cell
from testbed.run.samples import SAMPLE_MS, Samples
from testbed.store.folder import census_path

__all__ = ["NO_CENSUS", "OUTPUT", "STDOUT", "drive"]

SETTLE_S = 2.0
CONSOLE_S = 5.0
# An agent that was heard so lately, on KVM, is alive: its heart beats every second.
LIVE_S = 3.0
NO_CENSUS = "--no-census: the guest's memory is not read from outside"
# So often a phase is read until the channels agree: a counter may be folded, or a table freed, between two of them.
READINGS = 3
# The file of what the workload printed, and how a line of its stdout begins there.
OUTPUT, STDOUT = "output.log", "stdout: "


def drive(
    machine: Target,
    guard: Guard,
    cell: Cell,
    kernel: KernelImage,
    folder: Path,
    slow: float,
    notes: Notes,
    unexamined: str = "",
) -> None:
    """Boot the guest and run the workload; what is learnt goes to ``notes``, every message to ``samples.jsonl``.

    ``unexamined`` says why the guest's memory is not read from outside; empty where it is.

    Raises MachineError when the guest dies or makes no progress, MeasureError when it cannot be measured.
    """
    began = time.monotonic()
    hello = machine.start(Deadline.after(BOOT_S, slow))
    _check(hello, cell, kernel)
    if machine.guest is not None:
        check_points(machine.guest.launch.cmdline, machine.console_text)
    notes.start_s = round(time.monotonic() - began, 3)
    notes.tainted, notes.heard = hello["tainted"], time.monotonic()
    scenario = cell.scenario
    machine.send(
        ("cmd", "run"),
        ("name", scenario.label),
        ("exec", f"/workloads/{scenario.workload}"),
        *(("arg", argument) for argument in scenario.argv),
        *(("env", f"{key}={value}") for key, value in scenario.env.items()),
        ("nonce", notes.nonce),
        ("settle_ms", str(int(SETTLE_S * 1000 * slow))),
        ("sample_ms", str(SAMPLE_MS)),
    )
    deadline = Deadline.after(scenario.deadline_s, slow)
    guest = machine.guest
    with (folder / "samples.jsonl").open("w") as file, (folder / OUTPUT).open("w") as output:
        samples = Samples(file, guest)
        # the workload is on its way to its first phase meanwhile
        if not unexamined and guest is not None:
            unexamined = _attach(guest, guard, kernel.vmlinux, notes)
        while notes.exit is None:
            message = _next(machine, deadline, slow, notes, samples)
            samples.note(message)
            if message["type"] == "phase":
                try:
                    machine.send(("cmd", _phase(machine, message, folder, slow, notes, unexamined)))
                except (LookupError, TypeError, ValueError) as error:
                    raise MeasureError(f"the agent's message is not what it should be: {error!r}") from error
            else:
                _take(message, output, notes)
    # A kernel that the workload's end has killed can no longer answer.
    machine.send(("cmd", "ping"))
    _answer(machine, slow)


def _check(hello: Mapping[str, Any], cell: Cell, kernel: KernelImage) -> None:
    """Raise MeasureError unless what has booted is what the record will call it."""
    booted, wanted = [(hello["release"], hello["build_id"]), (kernel.release, kernel.build_id)]
    if booted != wanted:
        release, build_id = booted
        raise MeasureError(
            f"another kernel booted than {kernel.name}: release {release}, build ID {build_id or 'none'}, "
            f"where {kernel.release}, {kernel.build_id} was to; nothing is measured of it"
        )
    if hello["levels"] != cell.guest.levels:
        # QEMU only warns where the host's CPU lacks LA57
        wrong = f"the guest has {hello['levels']} levels of page tables, not {cell.guest.levels}"
        raise MeasureError(f"{wrong}; use --accel tcg")


def _next(machine: Target, deadline: Deadline, slow: float, notes: Notes, samples: Samples) -> dict[str, Any]:
    """Wait for the agent's next message: GuestHung after silence, and when the workload's own time is over."""
    silence = Deadline.after(SILENCE_S, slow)
    first = min(silence, deadline, key=lambda d: d.at)
    try:
        message = _hear(machine, first, samples)
    except GuestHung as hung:
        if first is silence:
            raise GuestHung(f"{hung}; {_standing(notes)}") from hung
        late = f"the workload was not done in {deadline.allowed_s:.0f} s"
        raise GuestHung(f"{late}, {_agent(notes, slow)}; {_standing(notes)}") from hung
    notes.heard = time.monotonic()
    return message


def _hear(machine: Target, deadline: Deadline, samples: Samples) -> dict[str, Any]:
    """Wait as ``machine.receive`` does, and look at QEMU from outside now and then, whether or not the agent talks."""
    while not deadline.passed:
        samples.look()
        message = machine.listen(min(deadline, samples.due, key=lambda d: d.at))
        if message is not None:
            return message
    return machine.receive(deadline)


def _agent(notes: Notes, slow: float) -> str:
    silent_s = time.monotonic() - notes.heard
    return "the agent is alive" if silent_s < LIVE_S * slow else f"the agent has been silent for {silent_s:.0f} s"


def _standing(notes: Notes) -> str:
    last = next(reversed(notes.phases), None)
    return f"the last phase was {last!r}" if last else "no phase was reached"


def _answer(machine: Target, slow: float) -> None:
    """Wait for a hello; heartbeats may be before it."""
    deadline = Deadline.after(SILENCE_S, slow)
    while machine.receive(deadline)["type"] != "hello":
        pass


def _take(message: Mapping[str, Any], output: IO[str], notes: Notes) -> None:
    match message["type"]:
        case "output":
            output.write(f"{message['stream']}: {message['text']}\n")
            if message["stream"] == "stderr":
                notes.words = message["text"]
        case "value":
            notes.values[message["key"]] = int(message["value"])
        case "exit":
            notes.exit = dict(message)
        case "error":
            raise MeasureError(f"the guest's agent: {message['what']}")


def _attach(machine: Machine, guard: Guard, vmlinux: Path, notes: Notes) -> str:
    """Attach drgn; give the reason where this host does not let it."""
    try:
        notes.examiner = guard.witness = Examiner(machine.launch.examine_socket, vmlinux)
    except MeasureError as error:
        return str(error)
    return ""


def _phase(
    machine: Target, message: Mapping[str, Any], folder: Path, slow: float, notes: Notes, unexamined: str
) -> str:
    """Note a phase, and how often it was read; what the agent is to do next."""
    phase = message["phase"]
    record = _measure(machine, message, folder, slow, notes, unexamined)
    last, before = next(reversed(notes.phases.items()), (None, {}))
    readings = before["readings"] + 1 if phase == last else 1
    notes.phases[phase] = {**record, "readings": readings}
    return "continue" if record["agree"] or readings >= READINGS else "again"


def _measure(
    machine: Target, message: Mapping[str, Any], folder: Path, slow: float, notes: Notes, unexamined: str
) -> dict[str, Any]:
    """Read all channels of a phase; the workload waits, the vCPUs stand still for the view from outside."""
    phase, notes.pid = message["phase"], int(message["pid"])
    if not re.fullmatch(r"[\w-]{1,64}", phase):
        raise MeasureError(f"the guest names a phase {phase!r}; it is to be part of a file's name")
    line = machine.expect_console(console_pattern(notes.nonce, phase), Deadline.after(CONSOLE_S, slow))
    census, stale = None, 0
    guest = machine.guest
    if guest is not None and notes.examiner is not None and guest.pid is not None:
        guest.pause()
        try:
            census = notes.examiner.census(guest.pid, guest.qmp.execute)
            if len(notes.frames):
                stale = notes.examiner.stale_entries(notes.frames)
        finally:
            guest.resume()
        census.save(census_path(folder, phase))
        notes.frames = np.union1d(notes.frames, census.frames(judged_spaces(census, notes.pid)))
    record = sample(message["counters"], line, census, notes.pid, unexamined, stale)
    return {**record, "settled": message["settled"], "settle_ms": message["settle_ms"]}
