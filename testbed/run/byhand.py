# SPDX-License-Identifier: GPL-2.0-only
"""Guests by hand: the lines of a dry run, which can be pasted into a shell, and a terminal in a guest."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.build import Progress, build_guest, build_kernel, guest_path, kernel_path
from testbed.errors import SpecError
from testbed.machine.accel import Accel
from testbed.machine.qemu import interactive_argv
from testbed.run.cell import launch_for
from testbed.run.handlines import HandLines, hand_lines, read_hand_lines
from testbed.run.launching import guest_launch, slowdown
from testbed.run.metal import metal_boot
from testbed.run.plan import Cell
from testbed.spec import GuestSpec, KernelSpec, MachineSpec
from testbed.store.folder import RunFolder

__all__ = ["dry_lines", "shell_argv", "stored_cell"]


# An interactive guest keeps no logs and has no sockets.
NOWHERE = Path("/nonexistent")


def dry_lines(root: Path, cells: Sequence[Cell], on: Accel | MachineSpec, progress: Progress) -> Iterator[str]:
    """Give :func:`hand_lines` of each cell; of a physical machine, which has no such line, what it is to boot.

    Artefacts are named by content, so their paths are known before they are built; another line says what is missing.
    """
    for cell in cells:
        kernel = kernel_path(root, cell.kernel, progress)
        initramfs = guest_path(root, cell.guest, progress)
        if isinstance(on, MachineSpec):
            boot = metal_boot(on, cell, kernel, initramfs, NOWHERE)
            title, line = f"# {cell.name}: {cell.workload_line}", f"{kernel} {initramfs} {boot.parameters}"
        else:
            title, line = hand_lines(cell, launch_for(cell, on, kernel, initramfs, NOWHERE, NOWHERE))
        yield title
        if not kernel.is_file():
            yield f"# not built yet: ./tb kernel build {cell.kernel.name}"
        if not initramfs.is_file():
            yield f"# not built yet: ./tb guest build {cell.guest.name}"
        yield line


def shell_argv(root: Path, kernel: KernelSpec, guest: GuestSpec, accel: Accel, progress: Progress) -> list[str]:
    """Build what is missing and give the argv list of a guest with a shell on the terminal."""
    bzimage = build_kernel(root, kernel, progress).bzimage
    initramfs = build_guest(root, guest, progress).initramfs
    slow = slowdown(accel, kernel.name)
    return interactive_argv(guest_launch(guest, accel, bzimage, initramfs, NOWHERE, NOWHERE, slow))


def stored_cell(folder: RunFolder, part: str | None) -> HandLines:
    """Give how to boot the cell of a run that ``part`` of a name means, on the very artefacts that it ran on.

    SpecError where that is none or more than one, where the cell was never started, or where an artefact is gone.
    """
    name = folder.one_cell(part)
    path = folder.cell(name) / "by-hand.txt"
    if not path.is_file():
        raise SpecError(f"{name}: was not started in {folder.path}; go on with: ./tb run --resume {folder.path}")
    lines = read_hand_lines(path)
    kernel, guest, _ = name.split("/", 2)
    for option, what, build in (
        ("-kernel", "its kernel", f"kernel build {kernel}"),
        ("-initrd", "its guest image", f"guest build {guest}"),
    ):
        artefact = lines.after(option)
        if not artefact.is_file():
            raise SpecError(
                f"{name}: {what} is gone ({artefact}); ./tb {build} makes it again from the sources the run had"
            )
    return lines
