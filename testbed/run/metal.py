# SPDX-License-Identifier: GPL-2.0-only
"""A physical machine in the place of guests: held by one run at a time, and what is known of it beforehand."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from testbed.build import cache_root
from testbed.errors import HostError
from testbed.machine.accel import Accel
from testbed.machine.metalboot import MetalBoot, check_boot
from testbed.machine.power import Switch, make_switch
from testbed.machine.serialline import open_line
from testbed.run.launching import slowdown, watchdogs
from testbed.run.plan import Cell
from testbed.spec import MachineSpec, format_size, load_machine
from testbed.store.durable import hold
from testbed.store.record import CellResult

__all__ = ["METAL", "Metal", "Patience", "metal_boot", "take_machine", "too_small"]

METAL = "metal"
# So many cells in a row that the machine did not even boot for: somebody has to go and look.
PATIENCE = 3


@dataclass(frozen=True)
class Metal:
    """A machine that this run holds, until this object is gone."""

    spec: MachineSpec
    switch: Switch
    held: FileIO

    @property
    def accel(self) -> Accel:
        """What stands in a record where a guest has its accelerator."""
        return Accel(METAL, f"machine {self.spec.name} over serial")

    @property
    def unexamined(self) -> str:
        """Why no cell has a census."""
        return f"machine {self.spec.name}: nobody reads a physical machine's memory from outside"

    def host(self, orchestrator: Mapping[str, Any]) -> dict[str, Any]:
        """Give the ``host`` of a record: the machine's times are not those of the host that drives it."""
        spec = self.spec
        alike = f"machine\n{spec.name}\n{spec.memory_bytes}\n{spec.cpus}"
        return {
            **orchestrator,
            "id": hashlib.sha256(alike.encode()).hexdigest()[:12],
            "name": spec.name,
            "cpu": f"machine {spec.name}",
            "cpus": spec.cpus,
            "memory_mib": spec.memory_bytes >> 20,
            "driven_by": orchestrator["name"],
        }


class Patience:
    """Ends a run whose machine does not come up any more, instead of an hour of the same error."""

    def __init__(self) -> None:
        self._failed = 0

    def note(self, result: CellResult) -> None:
        """Raise HostError when the machine booted for none of the last cells."""
        booted = result.start_s is not None or result.verdict != "error"
        self._failed = 0 if booted else self._failed + 1
        if self._failed == PATIENCE:
            raise HostError(f"{PATIENCE} cells in a row were not booted, the last as {result.reason}")


def take_machine(root: Path, name: str) -> Metal:
    """Hold a machine and look at all that can be looked at without switching it.

    Raises SpecError for a bad description, HostError where another run has it, or where a line, a command or a folder
    is not there.
    """
    spec = load_machine(root, name)
    folder = cache_root() / "machines"
    folder.mkdir(parents=True, exist_ok=True)
    held = hold(folder / f"{spec.name}.lock")
    if held is None:
        raise HostError(f"machine {spec.name}: another run has it; wait for its end, or name another machine")
    check_boot(spec)
    switch = make_switch(spec)
    for serial in (spec.console, spec.data):
        if serial is not None:
            try:
                open_line(serial.line, serial.baud).close()
            except HostError as error:
                raise HostError(f"machine {spec.name}: {error}") from error
    return Metal(spec, switch, held)


def metal_boot(spec: MachineSpec, cell: Cell, kernel: Path, initramfs: Path, folder: Path) -> MetalBoot:
    """Give the boot of a cell: the machine shows no more memory and CPUs than the cell's guest has."""
    return MetalBoot(
        machine=spec,
        kernel=kernel,
        initramfs=initramfs,
        memory_bytes=cell.memory_bytes,
        vcpus=cell.guest.vcpus,
        levels=cell.guest.levels,
        folder=folder,
        cmdline=watchdogs(metal_slowdown(spec, cell)),
    )


def metal_slowdown(spec: MachineSpec, cell: Cell) -> float:
    """Give the factor by which things may take longer than on KVM with a plain kernel."""
    return spec.slow * slowdown(Accel(METAL, ""), cell.kernel.name)


def too_small(spec: MachineSpec, cell: Cell) -> str:
    """Say why a cell does not fit on a machine; empty where it does."""
    if cell.memory_bytes > spec.memory_bytes:
        has, wants = format_size(spec.memory_bytes), format_size(cell.memory_bytes)
        return f"machine {spec.name} has {has} of memory, the cell wants {wants}"
    if cell.guest.vcpus > spec.cpus:
        return f"machine {spec.name} has {spec.cpus} CPUs, guest {cell.guest.name} wants {cell.guest.vcpus}"
    return ""
