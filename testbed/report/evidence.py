# SPDX-License-Identifier: GPL-2.0-only
"""What a person wants to see at once under a cell that failed: its console's end, where it died, how to boot it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.report.reason import reason_of
from testbed.store.folder import FIRST

__all__ = ["evidence", "what_was_said"]

CONSOLE_LINES = 40


def evidence(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Give the lines for one record; ``folder`` is its cell's, whose files may be missing."""
    lines = [f"--- {record['cell']}: {record['verdict']}: {reason_of(record)}", *what_was_said(folder, record)]
    lines += [f"  by hand: {line}" for line in _read(_failed(folder, record) / "by-hand.txt").splitlines()]
    lines.append(f"  files:   {folder}")
    return lines


def what_was_said(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Give what guest and QEMU told: the part of it that means something on any host."""
    folder = _failed(folder, record)
    console = _read(folder / "console.log").splitlines()[-CONSOLE_LINES:]
    lines = [f"  console: {line}" for line in console] or ["  console: (nothing)"]
    lines += [f"  output:  {line}" for line in _read(folder / "output.log").splitlines()[-CONSOLE_LINES:]]
    lines += [f"  qemu:    {line}" for line in _read(folder / "qemu.stderr").splitlines()]
    decoded, _, _ = _read(folder / "crash.txt").partition("\nas printed:")
    lines += [f"  crash:   {line}" for line in decoded.splitlines()]
    lines += [f"  hang:    {line}" for line in _read(folder / "hang.txt").splitlines()[:1]]
    return lines


def _failed(folder: Path, record: Mapping[str, Any]) -> Path:
    """Give where the attempt is that failed: of a flake it is the first."""
    first = folder / FIRST
    return first if record["verdict"] == "flake" and first.is_dir() else folder


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
