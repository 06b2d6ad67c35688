# SPDX-License-Identifier: GPL-2.0-only
"""Guests by hand: the QEMU lines of a dry run, which can be pasted into a shell, and a terminal in a guest."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.build import Progress, build_guest, build_kernel, guest_path, kernel_path
from testbed.machine.accel import Accel
from testbed.machine.qemu import command_line, interactive_argv
from testbed.run.cell import launch_for
from testbed.run.launching import guest_launch
from testbed.run.plan import Cell
from testbed.spec import GuestSpec, KernelSpec

__all__ = ["dry_lines", "shell_argv"]


# An interactive guest keeps no logs and has no sockets.
NOWHERE = Path("/nonexistent")


def workload_line(cell: Cell) -> str:
    """Give the shell line that runs a cell's workload inside the guest."""
    env = [f"{key}={shlex.quote(value)}" for key, value in cell.scenario.env.items()]
    return " ".join([*env, shlex.join([f"/workloads/{cell.scenario.workload}", *cell.scenario.argv])])


def dry_lines(root: Path, cells: Sequence[Cell], accel: Accel, progress: Progress) -> Iterator[str]:
    """Give two lines a cell: a comment with its name and workload, and a QEMU line that ends in a shell in the guest.

    Artefacts are named by content, so their paths are known before they are built; a third line says what is missing.
    """
    for cell in cells:
        kernel = kernel_path(root, cell.kernel, progress)
        initramfs = guest_path(root, cell.guest, progress)
        yield f"# {cell.name}: {workload_line(cell)}"
        if not kernel.is_file():
            yield f"# not built yet: ./tb kernel build {cell.kernel.name}"
        if not initramfs.is_file():
            yield f"# not built yet: ./tb guest build {cell.guest.name}"
        yield command_line(launch_for(cell, accel, kernel, initramfs, NOWHERE, NOWHERE))


def shell_argv(root: Path, kernel: KernelSpec, guest: GuestSpec, accel: Accel, progress: Progress) -> list[str]:
    """Build what is missing and give the argv list of a guest with a shell on the terminal."""
    bzimage = build_kernel(root, kernel, progress).bzimage
    initramfs = build_guest(root, guest, progress).initramfs
    return interactive_argv(guest_launch(guest, accel, bzimage, initramfs, NOWHERE, NOWHERE))
