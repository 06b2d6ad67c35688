# SPDX-License-Identifier: GPL-2.0-only
"""The parts of a cell's record, and the file beside its logs that says how it ended."""

import json
from pathlib import Path
from typing import Any

from testbed.build import KernelImage
from testbed.judge.verdict import Verdict
from testbed.run.plan import Cell
from testbed.store.record import CellResult

__all__ = ["crash_record", "guest_record", "kernel_record", "scenario_record", "write_verdict"]


def write_verdict(folder: Path, result: CellResult) -> None:
    """Keep beside a cell's files how it ended."""
    said = {"kind": result.verdict, "reason": result.reason, "crash": result.crash}
    (folder / "verdict.json").write_text(json.dumps(said, indent=2) + "\n")


def kernel_record(cell: Cell, image: KernelImage) -> dict[str, Any]:
    """Give what a record says of the cell's kernel."""
    return {
        "name": cell.kernel.name,
        "release": image.release,
        "source_version": image.source_version,
        "patchset_hash": image.patchset_hash,
        "config_hash": image.config_hash,
        "build_id": image.build_id,
    }


def guest_record(cell: Cell) -> dict[str, Any]:
    """Give what a record says of the cell's guest."""
    return {
        "name": cell.guest.name,
        "vcpus": cell.guest.vcpus,
        "memory_mib": cell.memory_bytes >> 20,
        "levels": cell.guest.levels,
    }


def scenario_record(cell: Cell) -> dict[str, Any]:
    """Give what a record says of the cell's scenario; of a test also what its suite's baseline is."""
    scenario = cell.scenario
    baseline = {"baseline": scenario.test.baseline} if scenario.test else {}
    params = dict(scenario.params)
    return {"name": scenario.name, "kind": scenario.kind, "scale": scenario.scale, "params": params, **baseline}


def crash_record(verdict: Verdict) -> dict[str, Any] | None:
    """Give what a record says of the crash that was told, None without one."""
    crash = verdict.crash
    if crash is None:
        return None
    frames = [frame.text for frame in crash.stack]
    told = {key: getattr(crash, key) for key in ("kind", "type", "title", "fingerprint")}
    return {**told, "frames": frames}
