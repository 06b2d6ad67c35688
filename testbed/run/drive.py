# SPDX-License-Identifier: GPL-2.0-only
"""A workload walked through its phases in a running guest, measured at each, watched for progress."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from testbed.errors import GuestHung, MeasureError
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.measure.outside import Examiner
from testbed.measure.sample import console_pattern, sample
from testbed.run.guard import Guard
from testbed.run.launching import BOOT_S, SILENCE_S
from testbed.run.plan import Cell

__all__ = ["Notes", "drive"]

SETTLE_S = 2.0
CONSOLE_S = 5.0
# An agent that was heard so lately, on KVM, is alive: its heart beats every second.
LIVE_S = 3.0


@dataclass
class Notes:
    """What is learnt while a cell runs; ``heard`` is when the agent's last message came (``time.monotonic``)."""

    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    exit: dict[str, Any] | None = None
    words: str = ""
    start_s: float | None = None
    tainted: int = 0
    heard: float = 0.0


def drive(machine: Machine, guard: Guard, cell: Cell, vmlinux: Path, folder: Path, slow: float, notes: Notes) -> None:
    """Boot the guest and run the workload; what is learnt goes to ``notes``, every message to ``samples.jsonl``.

    Raises MachineError when the guest dies or makes no progress, MeasureError when it cannot be measured.
    """
    began = time.monotonic()
    hello = machine.start(Deadline.after(BOOT_S, slow))
    if hello["levels"] != cell.guest.levels:
        # QEMU only warns where the host's CPU lacks LA57
        wrong = f"the guest has {hello['levels']} levels of page tables, not {cell.guest.levels}"
        raise MeasureError(f"{wrong}; use --accel tcg")
    notes.start_s = round(time.monotonic() - began, 3)
    notes.tainted, notes.heard = hello["tainted"], time.monotonic()
    examiner = _examiner(machine, vmlinux)
    if isinstance(examiner, Examiner):
        guard.witness = examiner
    scenario = cell.scenario
    machine.send(
        ("cmd", "run"),
        ("name", scenario.label),
        ("exec", f"/workloads/{scenario.workload}"),
        *(("arg", argument) for argument in scenario.argv),
        *(("env", f"{key}={value}") for key, value in scenario.env.items()),
        ("nonce", notes.nonce),
        ("settle_ms", str(int(SETTLE_S * 1000 * slow))),
    )
    deadline = Deadline.after(scenario.deadline_s, slow)
    with (folder / "samples.jsonl").open("w") as samples, (folder / "output.log").open("w") as output:
        while notes.exit is None:
            message = _next(machine, deadline, slow, notes)
            samples.write(json.dumps(message) + "\n")
            if message["type"] == "phase":
                notes.phases[message["phase"]] = _measure(machine, examiner, message, notes.nonce, slow)
                machine.send(("cmd", "continue"))
            else:
                _take(message, output, notes)
    # A kernel that the workload's end has killed can no longer answer.
    machine.send(("cmd", "ping"))
    _answer(machine, slow)


def _next(machine: Machine, deadline: Deadline, slow: float, notes: Notes) -> dict[str, Any]:
    """Wait for the agent's next message: GuestHung after silence, and when the workload's own time is over."""
    silence = Deadline.after(SILENCE_S, slow)
    first = min(silence, deadline, key=lambda d: d.at)
    try:
        message = machine.receive(first)
    except GuestHung as hung:
        if first is silence:
            raise GuestHung(f"{hung}; {_standing(notes)}") from hung
        late = f"the workload was not done in {deadline.allowed_s:.0f} s"
        raise GuestHung(f"{late}, {_agent(notes, slow)}; {_standing(notes)}") from hung
    notes.heard = time.monotonic()
    return message


def _agent(notes: Notes, slow: float) -> str:
    silent_s = time.monotonic() - notes.heard
    return "the agent is alive" if silent_s < LIVE_S * slow else f"the agent has been silent for {silent_s:.0f} s"


def _standing(notes: Notes) -> str:
    last = next(reversed(notes.phases), None)
    return f"the last phase was {last!r}" if last else "no phase was reached"


def _answer(machine: Machine, slow: float) -> None:
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


def _examiner(machine: Machine, vmlinux: Path) -> Examiner | str:
    """Attach drgn, or say why this host does not let it."""
    try:
        return Examiner(machine.launch.examine_socket, vmlinux)
    except MeasureError as error:
        return str(error)


def _measure(
    machine: Machine, examiner: Examiner | str, message: Mapping[str, Any], nonce: str, slow: float
) -> dict[str, Any]:
    """Read all channels of a phase; the workload waits, the vCPUs stand still for the view from outside."""
    line = machine.expect_console(console_pattern(nonce, message["phase"]), Deadline.after(CONSOLE_S, slow))
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
