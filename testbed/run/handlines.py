# SPDX-License-Identifier: GPL-2.0-only
"""A cell by hand: the lines of a dry run, of each cell's ``by-hand.txt``, and what ``tb shell`` reads back there."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import SpecError
from testbed.machine.qemu import Launch, command_line
from testbed.run.plan import Cell

__all__ = ["HandLines", "hand_lines", "read_hand_lines"]


@dataclass(frozen=True)
class HandLines:
    """What was read: ``# name: workload's command line``, and the argv list of a guest with a shell."""

    title: str
    argv: tuple[str, ...]

    def after(self, option: str) -> Path:
        """Give the file that an option of QEMU names."""
        return Path(self.argv[self.argv.index(option) + 1])


def hand_lines(cell: Cell, launch: Launch) -> list[str]:
    """Give a comment with the cell's name and workload, and a QEMU line that ends in a shell in the guest."""
    return [f"# {cell.name}: {cell.workload_line}", command_line(launch)]


def read_hand_lines(path: Path) -> HandLines:
    """Read what :func:`hand_lines` gave; SpecError if it is something else."""
    lines: Sequence[str] = path.read_text(encoding="utf-8").splitlines()
    title, argv = "", []
    if len(lines) == 2 and lines[0].startswith("# "):
        title, argv = lines[0], shlex.split(lines[1])
    if not {"-kernel", "-initrd"} <= set(argv[:-1]):
        raise SpecError(f"{path}: not what a run writes there (a comment with the cell's name, then a QEMU line)")
    return HandLines(title, tuple(argv))
