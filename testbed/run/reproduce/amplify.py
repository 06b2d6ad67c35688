# SPDX-License-Identifier: GPL-2.0-only
"""What makes a race more likely, put onto a kernel, a guest and a launch.

``vcpus`` and ``udelay`` are known before anything is built; ``host_cpus`` and ``icount`` are about QEMU alone. A kernel
with waits keeps its name, as it is still the kernel that a bug file expects something of: its patches, and
``amplified`` in the record of a cell, tell them apart.
"""

import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from testbed.errors import HostError, SpecError
from testbed.machine.qemu import Icount, Launch
from testbed.run.delaypoints import points_parameter
from testbed.run.launching import watchdogs
from testbed.spec import GuestSpec, KernelSpec
from testbed.spec.bug import Amplify

__all__ = ["amplified", "amplified_record", "check_host", "launch_amplified", "stretch"]

FOLDER = Path("kernel") / "amplify"
PATCH = FOLDER / "0001-lib-add-delay_points-waits-that-make-races-likely.patch"
FRAGMENT = FOLDER / "delay-points.config"
NR_CPUS = re.compile(r"^CONFIG_NR_CPUS=(\d+)$", re.M)


def amplified(
    root: Path, kernel: KernelSpec, guest: GuestSpec, amplify: Amplify, where: str = "amplify"
) -> tuple[KernelSpec, GuestSpec]:
    """Give the kernel and the guest that an amplified bug is looked for on; twice is the same as once.

    Raises SpecError, beginning with ``where``, for more vCPUs than the kernel can have: it would run with fewer.
    """
    if amplify.vcpus is not None:
        most = _most_vcpus(kernel)
        if amplify.vcpus > most:
            raise SpecError(f"{where}: vcpus: {amplify.vcpus}: {kernel.name} can have {most} (CONFIG_NR_CPUS)")
        guest = replace(guest, vcpus=amplify.vcpus)
    patch, fragment = root.resolve() / PATCH, root.resolve() / FRAGMENT
    if amplify.udelay and patch not in kernel.patches:
        kernel = replace(kernel, patches=(*kernel.patches, patch), fragments=(*kernel.fragments, fragment))
    return kernel, guest


def check_host(amplify: Amplify, accel: str) -> None:
    """Raise HostError unless this host, with that accelerator (``kvm``, ``tcg``), can do what is asked for."""
    have = len(os.sched_getaffinity(0))
    if amplify.host_cpus is not None and amplify.host_cpus > have:
        raise HostError(f"amplify: host_cpus: {amplify.host_cpus}: this host gives us {have}; ask for {have} at most")
    if amplify.icount and accel != "tcg":
        raise HostError(f"amplify: icount: TCG alone counts instructions, not {accel}; use --accel tcg")


def launch_amplified(launch: Launch, amplify: Amplify, attempt: int, slow: float) -> Launch:
    """Give the launch of an attempt (from 1 on); ``slow`` is the slow-down of the kernel's watchdogs so far.

    Raises HostError as :func:`check_host`.
    """
    check_host(amplify, launch.accel)
    if amplify.udelay:
        launch = replace(launch, cmdline=(*launch.cmdline, points_parameter(amplify.udelay)))
    shift = _shift(amplify, attempt)
    if shift is not None:
        # an instruction takes the guest longer, and what is done in as many is not stuck; the last parameter counts
        patient = watchdogs(slow * 2**shift)
        launch = replace(launch, icount=Icount(shift), cmdline=(*launch.cmdline, *patient))
    return replace(launch, host_cpus=amplify.host_cpus)


def stretch(amplify: Amplify, vcpus: int) -> float:
    """Give how much longer than else a guest may take whose vCPUs share what they would have to themselves."""
    host_cpus = 1 if amplify.icount else amplify.host_cpus  # counting, QEMU has one thread for all vCPUs
    return 1.0 if host_cpus is None else max(1.0, vcpus / host_cpus)


def amplified_record(amplify: Amplify, attempt: int) -> dict[str, Any] | None:
    """Give what a record tells of it: what was asked for, and the attempt's own shift; None where nothing was."""
    asked = {key: value for key, value in asdict(amplify).items() if value}
    return {**asked, **({"shift": _shift(amplify, attempt)} if amplify.icount else {})} or None


def _shift(amplify: Amplify, attempt: int) -> int | None:
    return amplify.icount[(attempt - 1) % len(amplify.icount)] if amplify.icount else None


def _most_vcpus(kernel: KernelSpec) -> int:
    """As many as the kernel's configuration asks for; the last fragment counts."""
    asked = [
        found for path in kernel.fragments for found in re.findall(r"^CONFIG_NR_CPUS=(\d+)$", path.read_text(), re.M)
    ]
    return int(asked[-1]) if asked else 1
