# SPDX-License-Identifier: GPL-2.0-only
"""What a person wants to see at once under a cell that failed: the end of its console and how to boot it by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["evidence"]

CONSOLE_LINES = 40


def evidence(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Give the lines for one record; ``folder`` is its cell's, whose files may be missing."""
    lines = [f"--- {record['cell']}: {record['verdict']}: {record['reason']}"]
    console = _read(folder / "console.log").splitlines()[-CONSOLE_LINES:]
    lines += [f"  console: {line}" for line in console] or ["  console: (nothing)"]
    lines += [f"  output:  {line}" for line in _read(folder / "output.log").splitlines()[-CONSOLE_LINES:]]
    lines += [f"  qemu:    {line}" for line in _read(folder / "qemu.stderr").splitlines()]
    by_hand = _read(folder / "by-hand.txt").strip()
    lines += [f"  by hand: {by_hand}", f"  files:   {folder}"] if by_hand else [f"  files:   {folder}"]
    return lines


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
