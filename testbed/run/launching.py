# SPDX-License-Identifier: GPL-2.0-only
"""What all guests of ours have in common when they are launched, whoever launches them."""

from pathlib import Path

from testbed.machine.accel import Accel
from testbed.machine.qemu import Launch
from testbed.spec import GuestSpec

__all__ = ["BOOT_S", "SILENCE_S", "guest_launch", "slowdown", "watchdogs"]

# Seconds from launch to the agent's hello on KVM, with room to spare.
BOOT_S = 15.0
# Seconds without a word from the agent, whose heart beats every second while a workload runs, that are a hang on KVM.
SILENCE_S = 20.0
# Documentation/admin-guide/kernel-parameters.txt: thresholds above these are refused.
LONGEST_WATCHDOG_S = 60
LONGEST_STALL_S = 300
SLOWDOWN = {"kvm": 1.0, "tcg": 6.0, "metal": 1.0}
DEBUG_SLOWDOWN = 8.0


def guest_launch(
    guest: GuestSpec,
    accel: Accel,
    kernel: Path,
    initramfs: Path,
    folder: Path,
    sockets: Path,
    slow: float,
    memory_bytes: int | None = None,
) -> Launch:
    """Give the launch of a guest; logs go to ``folder``, ``sockets`` is a folder with a short path.

    ``slow`` is the :func:`slowdown` that its kernel's own watchdogs are told, ``memory_bytes`` is in place of the
    guest's own RAM where a scenario wants another amount.
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
        cmdline=watchdogs(slow),
    )


def watchdogs(slow: float) -> tuple[str, ...]:
    """Kernel parameters that let a kernel which stands still say so before we call it a hang.

    A soft lockup is told after twice ``watchdog_thresh`` (kernel/watchdog.c), before an RCU stall, which tells less. A
    task may wait longer than a CPU may loop: behind one that takes down a terabyte of page tables, for example.
    """
    silence = SILENCE_S * slow
    return (
        f"watchdog_thresh={min(LONGEST_WATCHDOG_S, silence / 4):.0f}",
        f"rcupdate.rcu_cpu_stall_timeout={min(LONGEST_STALL_S, silence * 0.75):.0f}",
        f"sysctl.kernel.hung_task_timeout_secs={silence * 1.5:.0f}",
    )


def slowdown(accel: Accel, kernel_name: str) -> float:
    """Give the factor by which things may take longer than on KVM with a plain kernel."""
    debug = any(flavour in kernel_name for flavour in ("+debug", "+kcsan"))
    return SLOWDOWN[accel.kind] * (DEBUG_SLOWDOWN if debug else 1.0)
