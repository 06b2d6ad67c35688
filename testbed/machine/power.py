# SPDX-License-Identifier: GPL-2.0-only
"""A machine's power switch: commands of a lab's own, or a labgrid driver."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from testbed.errors import HostError, LaunchFailed
from testbed.machine.labgridpower import LabgridSwitch
from testbed.spec import MachineSpec

__all__ = ["CommandSwitch", "Switch", "make_switch", "run_command"]

COMMAND_S = 60.0


class Switch(Protocol):
    """Both calls come back when the switch has done it; LaunchFailed where it could not."""

    def off(self) -> None:
        """Switch the machine off; nothing where it can only be cycled."""

    def on(self) -> None:
        """Let the machine boot, whatever it did before."""


class CommandSwitch:
    """A switch of argv lists: ``on`` and ``off``, or ``cycle`` alone."""

    def __init__(self, machine: MachineSpec) -> None:
        """Raise HostError if a command is not installed."""
        self._machine = machine
        power = machine.power
        for argv in filter(None, (power.on, power.off, power.cycle)):
            check_command(argv, machine.folder, f"machine {machine.name}: power")

    def off(self) -> None:
        """Run the command ``off``, if there is one."""
        if self._machine.power.off:
            self._run("off", self._machine.power.off)

    def on(self) -> None:
        """Run the command ``on``, or ``cycle``."""
        power = self._machine.power
        self._run(*(("on", power.on) if power.on else ("cycle", power.cycle)))

    def _run(self, what: str, argv: Sequence[str]) -> None:
        run_command(argv, self._machine.folder, f"machine {self._machine.name}: power {what}")


def make_switch(machine: MachineSpec) -> Switch:
    """Give the switch of a machine; HostError where this host can't work it."""
    if machine.power.labgrid is not None:
        return LabgridSwitch(machine.name, machine.power.labgrid)
    return CommandSwitch(machine)


def check_command(argv: Sequence[str], folder: Path, what: str) -> None:
    """Raise HostError if the first word of ``argv`` is no program."""
    program = argv[0]
    if shutil.which(str(folder / program) if "/" in program else program) is None:
        raise HostError(f"{what}: {program}: no such program; install it, or see to its path")


def run_command(argv: Sequence[str], folder: Path, what: str) -> None:
    """Run a command in ``folder``; LaunchFailed, with what it said, where it fails or does not end."""
    program = str(folder / argv[0]) if "/" in argv[0] else argv[0]
    line = " ".join(argv)
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LaunchFailed(f"{what}: not done in {COMMAND_S:.0f} s; try it by hand: {line}") from error
    except OSError as error:
        raise LaunchFailed(f"{what}: {argv[0]}: {error.strerror}") from error
    if done.returncode != 0:
        said = " ".join((done.stderr.strip() or done.stdout.strip() or "no message").split())
        raise LaunchFailed(f"{what}: exit {done.returncode} ({said}); try it by hand: {line}")
