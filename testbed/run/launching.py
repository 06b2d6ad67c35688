# SPDX-License-Identifier: GPL-2.0-only
"""What all guests of ours have in common when they are launched, whoever launches them."""

from pathlib import Path

from testbed.judge.crash import find_crash
from testbed.machine.accel import Accel
from testbed.machine.qemu import Launch
from testbed.spec import GuestSpec

__all__ = ["BOOT_S", "guest_launch", "slowdown", "watch"]

# Seconds from launch to the agent's hello on KVM, with room to spare.
BOOT_S = 15.0
SLOWDOWN = {"kvm": 1.0, "tcg": 6.0}
DEBUG_SLOWDOWN = 8.0


def guest_launch(
    guest: GuestSpec,
    accel: Accel,
    kernel: Path,
    initramfs: Path,
    folder: Path,
    sockets: Path,
    memory_bytes: int | None = None,
) -> Launch:
    """Give the launch of a guest; logs go to ``folder``, ``sockets`` is a folder with a short path.

    ``memory_bytes`` is in place of the guest's own RAM where a scenario wants another amount.
    """
    return Launch(
        accel=accel.kind,
        kernel=kernel,
        initramfs=initramfs,
        memory_bytes=memory_bytes or guest.memory_bytes,
        vcpus=guest.vcpus,
        levels=guest.levels,
        folder=folder,
        sockets=sockets,
    )


def slowdown(accel: Accel, kernel_name: str) -> float:
    """Give the factor by which things may take longer than on KVM with a plain kernel."""
    debug = any(flavour in kernel_name for flavour in ("+debug", "+kcsan"))
    return SLOWDOWN[accel.kind] * (DEBUG_SLOWDOWN if debug else 1.0)


def watch(console: str) -> str | None:
    """Give the title of the first sign of death in the console, for a machine to watch by."""
    crash = find_crash(console)
    return crash.title if crash else None
