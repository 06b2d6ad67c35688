# SPDX-License-Identifier: GPL-2.0-only
"""Small runs on disk as a night makes them, for the tests of history."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from testbed.judge.measured import series_of
from testbed.judge.trend import Series
from testbed.store.folder import RunFolder
from testbed.store.record import CellResult

LEVELS = ("pte", "pmd", "pud", "p4d")
HOST = {"id": "aaaa", "name": "one", "machine": "x86_64", "cpu": "Some CPU", "cpus": 2, "memory_mib": 24105}
VERSIONS = {"kernel": "6.18.44", "python": "3.11.7", "qemu": "QEMU emulator version 7.2.22"}
SCENARIOS = ("benign/dontneed-pieces:piece=4KiB", "malicious/zeropage-flood")
KERNELS = ("ptreclaim-6.12", "vanilla-6.12")
BEGIN = datetime(2026, 1, 1, 2, 30, tzinfo=UTC)


def name_of(night: int) -> str:
    return f"{BEGIN + timedelta(days=night):%Y%m%dT%H%M%SZ}"


def planned(scenarios: Sequence[str] = SCENARIOS) -> list[str]:
    return [f"{kernel}/minimal/{scenario}#1" for kernel in KERNELS for scenario in scenarios]


def begin_night(out: Path, night: int, **header: Any) -> RunFolder:
    """A run without records; its folder has the name that it would have had that night."""
    made = RunFolder.create(
        out,
        {
            "tool": "0.1.0",
            "host": {**HOST, **VERSIONS},
            "accel": {"kind": "tcg", "reason": "kvm: guest kernel silent"},
            "kernels": {name: kernel_of(name) for name in KERNELS},
            "guests": {"minimal": {"key": "9" * 64}},
            "cells": planned(),
            "run": name_of(night),
            **header,
        },
    )
    return RunFolder.open(made.path.rename(out / name_of(night)))


def night(out: Path, number: int, cells: Iterable[str] | None = None, **changes: Any) -> RunFolder:
    """A run with all its records, or those of ``cells``; ``changes`` go into each record."""
    folder = begin_night(out, number)
    for cell in planned() if cells is None else cells:
        folder.append(record(folder, cell, **{"extra": number, **changes}))
    return folder


def kernel_of(name: str) -> dict[str, Any]:
    patched = name.startswith("ptreclaim")
    return {
        "key": ("a" if patched else "b") * 64,
        "release": "6.12.117",
        "source_version": "6.12.117-1",
        "patchset_hash": "c" * 64 if patched else None,
        "config_hash": "d" * 64,
        "build_id": "e" * 40,
    }


def phase(tables: int) -> dict[str, Any]:
    return {
        "vmpte_kb": 4 * tables,
        "tables": dict.fromkeys(LEVELS, tables),
        "left_over": dict.fromkeys(LEVELS, tables // 2),
        "census": {level: {"tables": tables, "empty": 1, "zero": 2, "needed": 3} for level in LEVELS},
        "agree": True,
        "settle_ms": 24,
        "readings": 2,
    }


def record(folder: RunFolder, cell: str, extra: int = 0, **changes: Any) -> dict[str, Any]:
    kernel, guest, label = cell.split("/", 2)
    facts = {name: value for name, value in kernel_of(kernel).items() if name != "key"}
    result = CellResult(
        run=folder.header()["run"],
        cell=cell,
        kernel={"name": kernel, **facts},
        guest={"name": guest, "vcpus": 1, "memory_mib": 1024, "levels": 4},
        scenario={"name": label.partition(":")[0], "kind": "benign", "params": {}},
        accel={"kind": "tcg", "reason": "kvm: guest kernel silent"},
        verdict="pass",
        reason="after.left_over.pte 6 <= 16",
        wall_s=3.125,
        start_s=1.8,
        exit={"status": 0, "signal": None, "oom_kill": 0},
        phases={"start": phase(4), "peak": phase(8196 + extra), "after": phase(12 + extra)},
        values={},
        crash=None,
        host={**HOST, **VERSIONS},
    )
    return {**result.record(), **changes}


def rewrite(folder: RunFolder, records: Iterable[dict[str, Any]]) -> None:
    """Put other records in the place of a run's."""
    (folder.path / "results.jsonl").write_text("")
    for each in records:
        folder.append(each)


def from_records(*folders: RunFolder) -> list[Series]:
    """What history must give of these runs."""
    return series_of((folder.header(), folder.records()) for folder in folders)
