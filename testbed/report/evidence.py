# SPDX-License-Identifier: GPL-2.0-only
"""What a person wants to see at once under a cell that failed: its console's end, where it died, how to boot it."""

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
    decoded, _, _ = _read(folder / "crash.txt").partition("\nas printed:")
    lines += [f"  crash:   {line}" for line in decoded.splitlines()]
    lines += [f"  hang:    {line}" for line in _read(folder / "hang.txt").splitlines()[:1]]
    lines += [f"  by hand: {line}" for line in _read(folder / "by-hand.txt").splitlines()]
    lines.append(f"  files:   {folder}")
    return lines


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
