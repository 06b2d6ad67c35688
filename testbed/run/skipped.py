# SPDX-License-Identifier: GPL-2.0-only
"""Cells that are not run: their records, so that none is lost silently.

Their kernel's source can't be had, their suite says that the test is not for guests like ours, or it did not compile;
a physical machine is too small for them, or was lost with them too often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from testbed.machine.accel import Accel
from testbed.run.artefacts import Artefacts
from testbed.run.cellrecord import guest_record, scenario_record
from testbed.run.host import host_facts
from testbed.run.metal import too_small
from testbed.run.plan import Cell
from testbed.spec import MachineSpec
from testbed.store.record import CellResult

__all__ = ["skipped", "unrun"]


def skipped(
    cells: Sequence[Cell],
    artefacts: Artefacts,
    accel: Accel,
    run: str,
    machine: MachineSpec | None = None,
    blamed: Mapping[str, str] | None = None,
) -> list[CellResult]:
    """Give the result of each cell that is not to be run: ``skip`` or ``error``, and the reason.

    ``machine`` is the physical one that cells are to run on, ``blamed`` has those that it was lost with.
    """
    return [
        replace(unrun(cell, run, accel, verdict, reason), host=host_facts()["host"])
        for cell in cells
        for verdict, reason in _why_not(cell, artefacts, machine, blamed or {})
    ]


def unrun(cell: Cell, run: str, accel: Accel, verdict: str, reason: str) -> CellResult:
    """Give the result of a cell of which nothing was measured; no host stands for it."""
    return CellResult(
        run=run,
        cell=cell.name,
        kernel={"name": cell.kernel.name},
        guest=guest_record(cell),
        scenario=scenario_record(cell),
        accel=asdict(accel),
        verdict=verdict,
        reason=reason,
        wall_s=0.0,
        start_s=None,
        exit=None,
        phases={},
        values={},
        crash=None,
    )


def _why_not(
    cell: Cell, artefacts: Artefacts, machine: MachineSpec | None, blamed: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Give verdict and reason of a cell that is not to be run, nothing for another."""
    if cell.kernel.name in artefacts.unavailable:
        return [("skip", artefacts.unavailable[cell.kernel.name])]
    if cell.name in blamed:
        return [("error", blamed[cell.name])]
    small = too_small(machine, cell) if machine else ""
    if small:
        return [("skip", small)]
    test = cell.scenario.test
    if test is None:
        return []
    if test.skip:
        return [("skip", test.skip)]
    words = artefacts.guests[cell.guest.name].uncompiled.get(test.program)
    return [] if words is None else [("error", f"{test.program} could not be compiled: {words}")]
