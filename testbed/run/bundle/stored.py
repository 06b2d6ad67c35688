# SPDX-License-Identifier: GPL-2.0-only
"""What a cell runs, as JSON: written beside its files before it starts, so that a bundle can be made of it later."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testbed.run.plan import Cell
from testbed.spec import BugSpec, Expectation, Sign

__all__ = ["CELL", "SCHEMA", "store_cell", "stored"]

#: The file of a cell's folder.
CELL = "cell.json"
SCHEMA = 1


def store_cell(cell: Cell, folder: Path) -> None:
    """Write ``cell.json``."""
    (folder / CELL).write_text(json.dumps(stored(cell), indent=2) + "\n")


def stored(cell: Cell) -> dict[str, Any]:
    """Give the JSON object of a cell: all that it takes to run it again but the images."""
    guest, scenario = cell.guest, cell.scenario
    return {
        "schema": SCHEMA,
        "kernel": cell.kernel.name,
        "guest": {
            "name": guest.name,
            "memory_bytes": guest.memory_bytes,
            "vcpus": guest.vcpus,
            "levels": guest.levels,
        },
        "scenario": {
            **{key: getattr(scenario, key) for key in ("name", "label", "kind", "scale", "guest", "workload")},
            "argv": list(scenario.argv),
            "params": dict(scenario.params),
            "env": dict(scenario.env),
            "phases": list(scenario.phases),
            "memory_bytes": scenario.memory_bytes,
            "deadline_s": scenario.deadline_s,
            "may_die": scenario.may_die,
            "expect": {pattern: _texts(each) for pattern, each in scenario.expect.items()},
            "known_gap": {
                pattern: {"expectations": _texts(gap.expectations), "reason": gap.reason}
                for pattern, gap in scenario.known_gap.items()
            },
            "test": vars(scenario.test) if scenario.test else None,
        },
        "attempt": cell.attempt,
        "bug": _stored_bug(cell.bug) if cell.bug else None,
    }


def _stored_bug(bug: BugSpec) -> dict[str, Any]:
    amplify = bug.amplify
    return {
        "name": bug.name,
        "title": bug.title,
        "report": bug.report,
        "attempts": bug.attempts,
        "signs": [_stored_sign(sign) for sign in bug.signs],
        "amplify": {
            key: value
            for key, value in (
                ("vcpus", amplify.vcpus),
                ("host_cpus", amplify.host_cpus),
                ("udelay", dict(amplify.udelay)),
                ("icount", list(amplify.icount)),
            )
            if value is not None
        },
        "outcomes": {name: {"prospect": each.prospect, "gap": each.gap} for name, each in bug.outcomes.items()},
    }


def _stored_sign(sign: Sign) -> dict[str, Any]:
    if sign.metrics:
        return {"metric": _texts(sign.metrics)}
    if sign.crash:
        return {"crash": {key: value for key, value in vars(sign.crash).items() if value is not None}}
    return {"said": sign.said}


def _texts(expectations: Sequence[Expectation]) -> list[str]:
    return [each.text for each in expectations]
