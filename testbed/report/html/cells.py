# SPDX-License-Identifier: GPL-2.0-only
"""A cell: the little that the matrix shows of it, and all that its panel shows, from the record and its folder."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from testbed.judge.measured import label_of
from testbed.judge.verdict import ended_well
from testbed.report.html.checks import checks
from testbed.report.html.text import tail

__all__ = ["LEVELS", "details", "group_of", "line"]

Record = Mapping[str, Any]

LEVELS = ("pte", "pmd", "pud", "p4d")
# Bytes of each file: a console that is small is there whole.
CONSOLE, OUTPUT, REPORT, OTHER = 24 << 10, 8 << 10, 24 << 10, 4 << 10
PHASE = (
    *("pagetables_kb", "vmpte_kb", "vmrss_kb", "cgroup_pagetables_kb", "console_pagetables_kb", "qmp_pagetables_kb"),
    *("needed_kb", "needed_source", "left_over_kb", "left_over_file", "stale_entries", "agree", "settled"),
)


def group_of(record: Record) -> str:
    """Name what is laid side by side: the cells of one scenario, parameters and guest, whatever their kernel."""
    return f"{record['guest']['name']}/{label_of(record)}"


def line(record: Record, forgiven: Collection[str]) -> dict[str, Any]:
    """Give what the matrix needs; ``forgiven`` are cells whose failure is the baseline's own."""
    scenario = record["scenario"]
    phases = record["phases"]
    last = phases.get("pressed") or phases.get("after") or {}
    return {
        "cell": record["cell"],
        "kernel": record["kernel"]["name"],
        "guest": record["guest"]["name"],
        "label": label_of(record),
        "group": group_of(record),
        "attempt": record["cell"].rpartition("#")[2],
        "kind": str(scenario.get("kind", "")),
        "suite": "baseline" in scenario,
        "bench": bool(record.get("costs")) or scenario.get("kind") == "bench",
        "verdict": record["verdict"],
        "bad": not ended_well(record) and record["cell"] not in forgiven,
        "forgiven": record["cell"] in forgiven,
        "reason": record["reason"],
        "left": (last.get("left_over") or {}).get("pte"),
    }


def details(record: Record, folder: Path) -> dict[str, Any]:
    """Give what the panel needs; ``folder`` is the cell's, any file of which may be missing."""
    console, console_cut = tail(folder / "console.log", CONSOLE)
    output, output_cut = tail(folder / "output.log", OUTPUT)
    crash, crash_cut = tail(folder / "crash.txt", REPORT)
    hang, hang_cut = tail(folder / "hang.txt", REPORT)
    stderr, stderr_cut = tail(folder / "qemu.stderr", OTHER)
    logs = [
        {"name": name, "file": file, "text": text.rstrip("\n"), "cut": cut}
        for name, file, text, cut in (
            ("Crash report", "crash.txt", crash, crash_cut),
            ("Hang report", "hang.txt", hang, hang_cut),
            ("Output of the workload", "output.log", output, output_cut),
            ("QEMU's stderr", "qemu.stderr", stderr, stderr_cut),
            ("Console", "console.log", console, console_cut),
        )
        if text.strip()
    ]
    first = record.get("first")
    return {
        "phases": {name: _phase(numbers) for name, numbers in record["phases"].items()},
        "checks": checks(record["reason"]),
        "wall_s": record["wall_s"],
        "start_s": record["start_s"],
        "exit": record.get("exit"),
        "params": dict(record["scenario"].get("params", {})),
        "vcpus": record["guest"].get("vcpus"),
        "memory_mib": record["guest"].get("memory_mib"),
        "first": first and dict(first),
        "subtests": dict(record.get("subtests") or {}),
        "logs": logs,
        "argv": tail(folder / "qemu.argv", OTHER * 2)[0].strip(),
        "hand": tail(folder / "by-hand.txt", OTHER * 2)[0].strip(),
        "files": str(folder),
    }


def _phase(numbers: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: numbers[name] for name in PHASE if numbers.get(name) is not None}
    for name in ("left_over", "tables", "needed_levels"):
        levels = numbers.get(name) or {}
        if levels:
            kept[name] = {level: levels[level] for level in LEVELS if level in levels}
    for name in ("disagreement", "unexamined"):
        if numbers.get(name):
            kept[name] = str(numbers[name])
    kept["entries"] = {kind: count for kind, count in (numbers.get("entries") or {}).items() if count}
    return kept
