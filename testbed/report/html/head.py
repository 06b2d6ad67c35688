# SPDX-License-Identifier: GPL-2.0-only
"""The head of the page: what ran, where, when and how, as a run's header and its records tell."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from testbed.judge.measured import run_start

__all__ = ["head"]

FACTS = ("release", "source_version", "patchset_hash", "config_hash", "build_id")


def head(header: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the facts of a run; a kernel of which there is no cell is told with the reason why."""
    stored = header.get("kernels", {})
    told = {record["kernel"]["name"]: record["kernel"] for record in records}
    names = dict.fromkeys((*stored, *told, *header.get("unavailable", {})))
    recorded = {record["cell"] for record in records}
    hosts = {str(record["host"].get("id", "")): record["host"] for record in records if record.get("host")}
    return {
        "run": header["run"],
        "at": run_start(header),
        "tool": header.get("tool"),
        "host": header.get("host", {}),
        "hosts": list(hosts.values()) if len(hosts) > 1 else [],
        "accel": header.get("accel", {}),
        "argv": shlex.join(header.get("argv", ())),
        "resumed": [f"{again['at']} {shlex.join(again['argv'])}" for again in header.get("resumed", ())],
        "unavailable": header.get("unavailable", {}),
        "kernels": [
            {"name": name, **{fact: told.get(name, {}).get(fact) or stored.get(name, {}).get(fact) for fact in FACTS}}
            for name in names
        ],
        "seconds": sum(record["wall_s"] for record in records),
        "not_run": [name for name in header.get("cells", ()) if name not in recorded],
    }
