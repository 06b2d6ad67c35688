# SPDX-License-Identifier: GPL-2.0-only
"""Cells that can't be run because their kernel's source can't be had: their records, so that none is lost silently."""

from collections.abc import Sequence
from dataclasses import asdict

from testbed.machine.accel import Accel
from testbed.run.artefacts import Artefacts
from testbed.run.cell import guest_record, scenario_record
from testbed.run.plan import Cell
from testbed.store.record import CellResult

__all__ = ["skipped"]


def skipped(cells: Sequence[Cell], artefacts: Artefacts, accel: Accel, run: str) -> list[CellResult]:
    """Give the result of each cell whose kernel is not available: ``skip``, and the reason."""
    return [
        CellResult(
            run=run,
            cell=cell.name,
            kernel={"name": cell.kernel.name},
            guest=guest_record(cell),
            scenario=scenario_record(cell),
            accel=asdict(accel),
            verdict="skip",
            reason=artefacts.unavailable[cell.kernel.name],
            wall_s=0.0,
            start_s=None,
            exit=None,
            phases={},
            values={},
            crash=None,
        )
        for cell in cells
        if cell.kernel.name in artefacts.unavailable
    ]
