# SPDX-License-Identifier: GPL-2.0-only
"""Records as runs write them, whole in every field, for the tests of the formats."""

from typing import Any

PATCHES = "068037de5c49c2fbbe676f23e5c5b418792d66cd164c5ad5ba67e91ed8901f95"
HOST = {"id": "a1b2c3d4e5f6", "name": "lab-3", "cpus": 2, "qemu": "7.2"}
ACCEL = {"kind": "tcg", "reason": "kvm: /dev/kvm is not there"}
VERDICTS = ("pass", "done", "gap", "skip", "fail", "crash", "hang", "flake", "error")
KERNELS = {
    "vanilla-6.12": {
        "key": "e4" * 32,
        "release": "6.12.117",
        "source_version": "6.12.117-1~deb12u1",
        "patchset_hash": None,
        "config_hash": "a9" * 32,
        "build_id": "e7" * 20,
        "compiler": "gcc (Debian 12.2.0-14) 12.2.0",
    },
    "ptreclaim-6.12": {
        "key": "48" * 32,
        "release": "6.12.117",
        "source_version": "6.12.117-1~deb12u1",
        "patchset_hash": PATCHES,
        "config_hash": "69" * 32,
        "build_id": "7e" * 20,
        "compiler": "gcc (Debian 12.2.0-14) 12.2.0",
    },
}
CRASH = {
    "kind": "oops",
    "title": "BUG: kernel NULL pointer dereference",
    "fingerprint": "f00d" * 4,
    "frames": ["pte_free+0x10/0x20"],
}
COSTS = {
    "fault": {
        "instructions": 6259.3,
        "reclaim": None,
        "repeat_error": 1e-5,
        "ops": 1000,
        "ratio": 1.003,
        "budget": 0.005,
        "within": True,
    },
    "fork-exit": {
        "instructions": 91000.0,
        "reclaim": 20.0,
        "repeat_error": 2e-5,
        "ops": 100,
        "ratio": 1.3,
        "budget": 0.1,
        "within": False,
    },
    "stream": {
        "instructions": 12.5,
        "reclaim": None,
        "repeat_error": 2e-6,
        "ops": 10,
        "ratio": None,
        "budget": None,
        "within": None,
    },
}
FLAKE = {"verdict": "crash", "reason": "oops: BUG in pte_free"}


def run_of(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give the ``run.json`` of a run that planned these cells."""
    return {
        "schema": 1,
        "run": "20261124T134417Z",
        "tool": "0.1.0",
        "host": HOST,
        "argv": ["tb", "run", "--set", "a b=1"],
        "kernels": KERNELS,
        "unavailable": {},
        "guests": {"minimal": {"key": "a1" * 32}},
        "cells": [each["cell"] for each in records],
        **more,
    }


def cell(kernel: str = "vanilla-6.12", label: str = "benign/x", verdict: str = "pass", number: int = 1, **more) -> dict:
    """Give a record; ``label`` is the scenario with its parameters."""
    facts = {key: value for key, value in KERNELS.get(kernel, {}).items() if key not in ("key", "compiler")}
    name = label.partition(":")[0]
    return {
        "schema": 1,
        "run": "20261124T134417Z",
        "cell": f"{kernel}/minimal/{label}#{number}",
        "kernel": {"name": kernel, **facts},
        "guest": {"name": "minimal", "vcpus": 1, "memory_mib": 1024, "levels": 4},
        "scenario": {"name": name, "kind": name.partition("/")[0], "params": {}},
        "accel": ACCEL,
        "verdict": verdict,
        "reason": f"after.left_over.pte 12 ({verdict})",
        "wall_s": 3.1,
        "start_s": 0.5,
        "exit": {"status": 0, "signal": None, "oom_kill": 0},
        "phases": {
            "peak": {"vmpte_kb": 131364, "needed_kb": 131364, "left_over_kb": 0, "pagetables_kb": 131700},
            "after": {"vmpte_kb": 92, "needed_kb": 44, "left_over_kb": 48, "pagetables_kb": 428},
        },
        "values": {},
        "crash": None,
        "subtests": None,
        "host": HOST,
        "first": None,
        "costs": None,
        **more,
    }


def bench(kernel: str = "ptreclaim-6.12", verdict: str = "fail", number: int = 1, **more) -> dict:
    return cell(kernel, "bench/overhead", verdict, number, **{"phases": {}, "costs": COSTS, **more})


def suite_test(kernel: str, test: str, verdict: str, subtests: dict | None = None) -> dict:
    told = {"name": "suites/s", "kind": "suites", "params": {"test": test}, "baseline": "vanilla-*"}
    return cell(kernel, f"suites/s:test={test}", verdict, scenario=told, subtests=subtests, phases={})
