# SPDX-License-Identifier: GPL-2.0-only
"""The censuses that a cell of a run left behind, phase by phase, as a person reads them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from testbed.errors import SpecError
from testbed.measure.census import LEVELS, by_class
from testbed.run.census import TABLE_KB, largest_first, process_view
from testbed.store.folder import RunFolder, census_path

__all__ = ["stored_census"]


def stored_census(run: RunFolder, wanted: str | None) -> Iterator[dict[str, Any]]:
    """Give each phase's census of a cell, in the order of the phases; ``wanted`` is a cell or a part of its name.

    Raises SpecError where the cell has none, or a file of it can't be read.
    """
    name = run.one_cell(wanted)
    record = next((record for record in run.records() if record["cell"] == name), None)
    if record is None:
        raise SpecError(f"{run.path}: cell {name} has no record: it never ended")
    counted = {phase: numbers for phase, numbers in record["phases"].items() if numbers.get("census")}
    if not counted:
        why = next((numbers["unexamined"] for numbers in record["phases"].values() if numbers.get("unexamined")), "")
        raise SpecError(f"{run.path}: cell {name} has no census{f' ({why})' if why else ''}")
    for phase, numbers in counted.items():
        processes = _processes(census_path(run.cell(name), phase))
        system = numbers["system"]
        yield {
            "cell": name,
            "phase": phase,
            "processes": processes,
            "total_kb": sum(process["kb"] for process in processes),
            "left_over_kb": sum(process["left_over_kb"] for process in processes),
            "kernel_kb": system["kernel"] * TABLE_KB,
            "rcu_pending_kb": system["rcu_pending"] * TABLE_KB,
            "unreached_kb": system["unreached"] * TABLE_KB,
            "entries": numbers["entries"],
            "differences": [numbers["disagreement"]] if numbers.get("disagreement") else [],
        }


def _processes(path: Path) -> list[dict[str, Any]]:
    try:
        with np.load(path) as kept:
            names = [str(name).partition(" ") for name in kept["spaces"]]
            classes = [str(name) for name in kept["classes"]]
            mm, level, kind, deposit = kept["mm"], kept["level"], kept["class"], kept["deposit"]
    except (OSError, ValueError, LookupError, BadZipFile) as error:
        raise SpecError(f"{path}: no census can be read there: {error}") from error
    counts = by_class(mm, level, kind, len(names))
    deposits = np.bincount(mm[deposit], minlength=len(names))
    processes = []
    for index, (pid, _, name) in enumerate(names):
        levels: dict[str, Mapping[str, int]] = {}
        for number, word in enumerate(LEVELS, 1):
            here = dict(zip(classes, counts[index, number].tolist(), strict=True))
            behind = int(deposits[index]) if number == 1 else 0
            levels[word] = {"tables": sum(here.values()), **here, "deposit": behind, "bad": 0}
        processes.append(process_view(int(pid) if pid.isdigit() else None, name, levels))
    return largest_first(processes)
