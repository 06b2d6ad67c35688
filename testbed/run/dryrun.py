# SPDX-License-Identifier: GPL-2.0-only
"""What a run would do: each cell with a QEMU line that can be pasted into a shell. Nothing is built or started."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.build import Progress, guest_path, kernel_path
from testbed.machine.accel import Accel
from testbed.machine.qemu import command_line
from testbed.run.cell import launch_for
from testbed.run.plan import Cell

__all__ = ["dry_lines"]


def dry_lines(root: Path, cells: Sequence[Cell], accel: Accel, scratch: Path, progress: Progress) -> Iterator[str]:
    """Give two lines a cell: a comment with its name and workload, and the QEMU line; sockets go to ``scratch``.

    Artefacts are named by content, so their paths are known before they are built; a third line says what is missing.
    """
    for cell in cells:
        kernel = kernel_path(root, cell.kernel, progress)
        initramfs = guest_path(root, cell.guest, progress)
        yield f"# {cell.name}: {cell.scenario.workload} {' '.join(cell.scenario.argv)}"
        if not kernel.is_file():
            yield f"# not built yet: ./tb kernel build {cell.kernel.name}"
        if not initramfs.is_file():
            yield f"# not built yet: ./tb guest build {cell.guest.name}"
        yield command_line(launch_for(cell, accel, kernel, initramfs, scratch, scratch))
