# SPDX-License-Identifier: GPL-2.0-only
"""A small run made by code, with everything that a report shows: kernels, verdicts, maps, logs, a suite, a bench."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from testbed.judge.drift import Drift
from testbed.judge.trend import Point, Series, SeriesKey
from testbed.store.folder import GRADES, RunFolder, census_path

__all__ = [
    "HOSTILE",
    "KERNELS",
    "OURS",
    "VANILLA",
    "census",
    "drifts",
    "make_run",
    "record",
    "write_cell",
    "write_grades",
]

VANILLA, OURS, THEIRS = "vanilla-6.12", "ptreclaim-6.12", "pte_ref-6.12+atomic"
KERNELS = (VANILLA, OURS, THEIRS)
# What a guest may print to take over the page of who reads its report.
HOSTILE = "</script><img src=x onerror=\"document.title='taken'\"><!--<script>\u202eevil\x1b[2J"
CLASSES = ("empty", "zero", "file", "needed")
KINDS = ("none", "zero", "anon", "file_clean", "file_dirty", "shmem", "swap", "migration", "marker", "device", "bad")
PID = 32
BASE = 0x7F00_0000_0000


def record(kernel: str, name: str, verdict: str = "pass", reason: str = "fine", **more: Any) -> dict[str, Any]:
    """Give a record; ``name`` is the scenario's."""
    return {
        "schema": 1,
        "run": "20261124T020000Z",
        "cell": f"{kernel}/minimal/{name}#1",
        "kernel": {"name": kernel, "release": "6.12.117", "patchset_hash": None, "config_hash": "c0ffee" * 10},
        "guest": {"name": "minimal", "vcpus": 1, "memory_mib": 1024, "levels": 4},
        "scenario": {"name": name, "kind": name.split("/")[0], "params": {"span": 4096}},
        "accel": {"kind": "tcg", "reason": "tcg: a guest kernel booted in 1.2 s"},
        "verdict": verdict,
        "reason": reason,
        "wall_s": 6.5,
        "start_s": 2.5,
        "exit": {"status": 0, "signal": None, "oom_kill": 0},
        "phases": {},
        **more,
    }


def phase(tables: int, left: int) -> dict[str, Any]:
    """Give the numbers of a phase."""
    levels = {"pte": tables, "pmd": 1, "pud": 1, "p4d": 0}
    return {
        "pagetables_kb": 400 + tables * 4,
        "vmpte_kb": tables * 4,
        "needed_kb": (tables - left) * 4,
        "left_over_kb": left * 4,
        "tables": levels,
        "left_over": {"pte": left, "pmd": 0, "pud": 0, "p4d": 0},
        "left_over_file": 0,
        "entries": {"anon": 7, "zero": 0},
        "agree": True,
    }


def census(path: Path, rows: Sequence[tuple[int, int, int, int, bool]], entries: Sequence[Sequence[int]] = ()) -> None:
    """Write tables as ``Census.save`` does; a row is (owner, level, address, class, deposit), PTE tables first."""
    owner, level, address, kind, deposit = (list(column) for column in zip(*rows, strict=True))
    in_tree = sum(number == 1 and not apart for number, apart in zip(level, deposit, strict=True))
    held = np.zeros((in_tree, len(KINDS)), dtype=np.uint16)
    held[:, 0] = 512
    held[: len(entries)] = np.array(entries, dtype=np.uint16).reshape(len(entries), len(KINDS))
    np.savez_compressed(
        path,
        mm=np.array(owner, dtype=np.int32),
        level=np.array(level, dtype=np.uint8),
        address=np.array(address, dtype=np.uint64),
        **{"class": np.array(kind, dtype=np.uint8)},
        deposit=np.array(deposit, dtype=np.bool_),
        entries=held,
        frame=np.arange(in_tree),
        spaces=np.array(["1 init", f"{PID} loop", f"{PID + 1} child", "- [poking_mm]"]),
        classes=np.array(CLASSES),
        kinds=np.array(KINDS),
        huge_kinds=np.array(["zero"]),
    )


def tables(count: int, kind: int) -> list[tuple[int, int, int, int, bool]]:
    """Give ``count`` PTE tables of a class in a row, one that is needed, those above them, and one of ``init``."""
    return [
        (0, 1, 0x400000, 3, False),
        (1, 1, 0x400000, 3, False),
        *((1, 1, BASE + (at << 21), kind, False) for at in range(count)),
        (1, 2, BASE, 3, False),
        (1, 3, BASE, 3, False),
    ]


def write_cell(folder: Path, timed: bool) -> None:
    """Write what a cell leaves; ``timed`` says whether its samples tell when they were taken."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = []
    for number, (name, count, kind) in enumerate(
        (("start", 1, 3), ("peak", 40, 3), ("after", 40, 0), ("pressed", 3, 0))
    ):
        census(census_path(folder, name), tables(count, kind))
        counters = {"vmpte_kb": count * 4 + 4, "pagetables_kb": 400 + count * 4}
        lines.append({"type": "phase", "phase": name, "pid": PID, "counters": counters})
        if timed:
            lines[-1]["t"] = float(number)
            lines += [{"type": "sample", "t": number + at / 100, "counters": counters} for at in range(90)]
            lines.append({"type": "outside", "t": number + 0.5, "qemu_rss_kb": 150_000, "balloon": None})
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "console.log").write_text(f"boots\n{HOSTILE}\nlast line\n")
    (folder / "output.log").write_text("said by the workload\n")
    (folder / "by-hand.txt").write_text("# cell: /workloads/loop\nqemu-system-x86_64 -kernel bzImage\n")
    (folder / "qemu.argv").write_text("qemu-system-x86_64 -kernel bzImage -S\n")


def suite(kernel: str, test: str, verdict: str, subtests: Mapping[str, str]) -> dict[str, Any]:
    """Give the record of a test."""
    made = record(kernel, f"suites/mm:test={test}", verdict, "told by the test", subtests=dict(subtests))
    made["scenario"] = {"name": "suites/mm", "kind": "suites", "params": {"test": test}, "baseline": "vanilla-*"}
    return made


def bench(kernel: str, ratio: float | None) -> dict[str, Any]:
    """Give the record of a bench of two operations, of which one has a budget."""
    cost = {"instructions": 6259.3 * (ratio or 1), "reclaim": None, "repeat_error": 1e-5, "ops": 4096, "ratio": ratio}
    within = None if ratio is None else ratio <= 1.005
    costs = {
        "fault": {**cost, "budget": None if ratio is None else 0.005, "within": within},
        "rounds": {**cost, "budget": None, "within": None},
    }
    return record(kernel, "bench/overhead", {None: "done", True: "pass", False: "fail"}[within], "told", costs=costs)


def make_run(out: Path) -> RunFolder:
    """Make the run: 13 cells, of which 3 are not as expected, and one planned cell that was not run."""
    left = {
        VANILLA: ("pass", 40, ">= 0.9 * 40 (peak.tables.pte)"),
        OURS: ("fail", 3, "<= 0"),
        THEIRS: ("pass", 0, "<= 0"),
    }
    records = []
    for kernel, (verdict, count, limit) in left.items():
        word = "is not " if verdict == "fail" else ""
        phases = {"start": phase(1, 0), "peak": phase(41, 0), "after": phase(41, 40), "pressed": phase(41, count)}
        reason = f"pressed.left_over.pte {count} {word}{limit}; exit.status 0 == 0"
        records.append(record(kernel, "benign/loop", verdict, reason, phases=phases))
    records += [
        record(VANILLA, "malicious/evil", "done", "measured, nothing expected"),
        record(OURS, "malicious/evil", "crash", HOSTILE, first={"verdict": "hang", "reason": HOSTILE}),
        record(THEIRS, "malicious/evil", "skip", "no such kernel", start_s=None),
        suite(VANILLA, "cow", "pass", {"a": "ok", "b": "ok"}),
        suite(OURS, "cow", "fail", {"a": "ok", "b": "not ok"}),
        suite(VANILLA, "old", "fail", {}),
        suite(OURS, "old", "fail", {}),
        bench(VANILLA, None),
        bench(OURS, 1.002),
        bench(THEIRS, 1.0004),
    ]
    header = {
        "tool": "0.1.0",
        "host": {"kernel": "6.18", "machine": "x86_64", "cpus": 2, "memory_mib": 24105, "qemu": "QEMU 7.2"},
        "argv": ["testbed", "run", "quick & more"],
        "accel": {"kind": "tcg", "reason": "kvm: /dev/kvm opens but runs no guest"},
        "kernels": {kernel: {"release": "6.12.117", "source_version": "6.12.117-1"} for kernel in KERNELS},
        "guests": {"minimal": {"key": "a1"}},
        "cells": [*(made["cell"] for made in records), f"{OURS}/minimal/benign/later#1"],
    }
    created = RunFolder.create(out, header)
    # the id tells the time of the run, which is to be the same in each test
    kept = created.header()
    folder = RunFolder(created.path.rename(out / "20261124T020000Z"))
    folder.write_header({**kept, "run": folder.id})
    for made in records:
        folder.append(made)
        if "benign" in made["cell"] or "evil" in made["cell"]:
            write_cell(folder.cell(made["cell"]), timed=OURS in made["cell"] or THEIRS in made["cell"])
    (folder.cell(f"{OURS}/minimal/malicious/evil#1") / "crash.txt").write_text(
        f"BUG: {HOSTILE}\nstack, innermost first:\n"
    )
    return folder


def drifts() -> list[tuple[Series, Drift]]:
    """Give a series that is the same and one that became worse at its fifth run, in this order."""
    found = []
    for metric, kind, values in (
        ("after.vmpte_kb", "same", [8.0] * 6),
        ("cost.fault", "regression", [6259.0] * 4 + [6384.0] * 2),
    ):
        key = SeriesKey("benign/loop", OURS, "minimal", metric)
        points = tuple(
            Point(
                f"202611{day:02d}T020000Z",
                f"2026-11-{day:02d}T02:00:00+00:00",
                "c",
                value,
                "pass",
                "k",
                "5eed",
                "6.12.117-1",
                "g",
                "h",
                "tcg",
            )
            for day, value in enumerate(values, 1)
        )
        worse = kind == "regression"
        ends = (points[3], points[4]) if worse else (None, None)
        found.append(
            (
                Series(key, points),
                Drift(
                    key, kind, "exact", "told in a line", *ends, values[0], values[-1], (4,) if worse else (), 0.0, True
                ),
            )
        )
    return found


def write_grades(folder: RunFolder) -> None:
    """Say of the run that it looked for a bug: it shows on one kernel, though it should be gone there."""
    there = {"bug": "bugs/stays", "kernel": OURS, "shown": 6, "runs": 6, "interval": [0.5407, 1.0], "word": "reliable"}
    there |= {"as_expected": False, "expected": "gone", "shown_in": f"{OURS}/minimal/benign/loop#1", "sign": HOSTILE}
    gone = {"bug": "bugs/stays", "kernel": THEIRS, "shown": 0, "runs": 6, "excluded_above": 0.393, "word": "never seen"}
    gone |= {"as_expected": True, "expected": "gone", "shown_in": None, "sign": "no sign of it", "sure": True}
    common = {"gap": None, "skipped": False, "unusable": None}
    (folder.path / GRADES).write_text(json.dumps([{**common, **there}, {**common, **gone}]), encoding="utf-8")
