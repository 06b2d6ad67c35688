# SPDX-License-Identifier: GPL-2.0-only
"""What operations cost, as cells of a run: one for each kernel, so that history keeps their instructions."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.build import Progress
from testbed.errors import MachineError, MeasureError
from testbed.judge.budget import GAPS, Gap
from testbed.run.benchoverhead import ACCEL, bench_overhead
from testbed.run.host import host_facts
from testbed.spec import GuestSpec, KernelSpec
from testbed.store.record import CellResult

__all__ = ["SCENARIO", "bench_cells"]

SCENARIO = "bench/overhead"
# Of a record of the bench, what belongs to one operation.
COST = ("instructions", "reclaim", "kept", "ops", "repeat_error", "ratio", "budget", "within")
KERNEL = ("release", "source_version", "patchset_hash", "config_hash", "build_id")


def bench_cells(
    root: Path, kernels: Sequence[KernelSpec], guest: GuestSpec, run: str, progress: Progress
) -> list[CellResult]:
    """Measure all operations on the kernels, the first of which the others are held against.

    ``done`` where a kernel has no budgets, else ``pass``, ``gap`` (all that is over is known to be) or ``fail``;
    ``error`` for all if one could not be measured.
    """
    began = time.monotonic()
    try:
        records = bench_overhead(root, kernels, guest, progress)
    except (MachineError, MeasureError) as error:
        return [_cell(spec, guest, run, {}, "error", str(error), {}, 0.0) for spec in kernels]
    share_s = round((time.monotonic() - began) / len(kernels), 3)
    found = []
    for spec in kernels:
        mine = [record for record in records if record["kernel"]["name"] == spec.name]
        costs = {record["operation"]: {name: record[name] for name in COST} for record in mine}
        verdict, reason = _judged(mine)
        found.append(_cell(spec, guest, run, mine[0]["kernel"], verdict, reason, costs, share_s))
    return found


def _judged(records: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    judged = [record for record in records if record["within"] is not None]
    over = [record for record in judged if not record["within"]]
    if not judged:
        return "done", f"{len(records)} operations measured, no budget is set"
    if not over:
        return "pass", f"{len(judged)} of {len(judged)} operations that have a budget are within it"
    gaps = [_gap(record) for record in over]
    told = (
        f"{record['operation']} {100 * (record['ratio'] - 1):+.2f} %, {100 * record['budget']:+g} % is allowed"
        + (f" (known: {gap.reason})" if gap else "")
        for record, gap in zip(over, gaps, strict=True)
    )
    return "gap" if all(gaps) else "fail", f"over budget: {'; '.join(told)}"


def _gap(record: Mapping[str, Any]) -> Gap | None:
    """Give the gap that an operation over its budget is still within."""
    gap = GAPS.get(record["operation"])
    return gap if gap is not None and record["ratio"] <= 1 + gap.share else None


def _cell(
    spec: KernelSpec,
    guest: GuestSpec,
    run: str,
    image: Mapping[str, Any],
    verdict: str,
    reason: str,
    costs: Mapping[str, Mapping[str, Any]],
    wall_s: float,
) -> CellResult:
    return CellResult(
        run=run,
        cell=f"{spec.name}/{guest.name}/{SCENARIO}#1",
        kernel={"name": spec.name, **{fact: image[fact] for fact in KERNEL if fact in image}},
        guest={
            "name": guest.name,
            "vcpus": guest.vcpus,
            "memory_mib": guest.memory_bytes >> 20,
            "levels": guest.levels,
        },
        scenario={"name": SCENARIO, "kind": "bench", "params": {}},
        accel={"kind": ACCEL.kind, "reason": ACCEL.reason},
        verdict=verdict,
        reason=reason,
        wall_s=wall_s,
        start_s=None,
        exit=None,
        phases={},
        values={},
        crash=None,
        host=host_facts()["host"],
        costs=costs,
    )
