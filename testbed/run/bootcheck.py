# SPDX-License-Identifier: GPL-2.0-only
"""Does a kernel boot: to the agent's hello, with nothing bad in its console."""

from collections.abc import Callable
from pathlib import Path

from testbed.build import KernelImage, Progress, build_guest
from testbed.errors import GuestLost
from testbed.judge.crash import find_crash
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.machine.sockets import socket_folder
from testbed.run.guard import Guard
from testbed.run.launching import BOOT_S, guest_launch, slowdown
from testbed.run.where import accelerator
from testbed.spec import load_guest

__all__ = ["boot_check"]

GUEST = "minimal"


def boot_check(root: Path, progress: Progress) -> Callable[[KernelImage], None]:
    """Give a function that boots an image in the minimal guest and raises MachineError if that fails."""
    spec = load_guest(root, GUEST)
    guest = build_guest(root, spec, progress)
    accel = accelerator("auto", False, progress)

    def boot(image: KernelImage) -> None:
        with socket_folder() as folder:
            slow = slowdown(accel, image.name)
            launch = guest_launch(spec, accel, image.bzimage, guest.initramfs, folder, folder, slow)
            with Machine(launch, Guard()) as machine:
                machine.start(Deadline.after(BOOT_S, slow))
                crash = find_crash(machine.console_text)
                if crash is not None:
                    raise GuestLost(f"{image.name}: {crash.kind}: {crash.title}")

    return boot
