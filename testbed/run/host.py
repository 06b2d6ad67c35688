# SPDX-License-Identifier: GPL-2.0-only
"""Facts about the host, for ``run.json``, each record and ``doctor``."""

import hashlib
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from testbed import __version__
from testbed.machine.accel import qemu_version

__all__ = ["host_facts"]


def host_facts() -> dict[str, Any]:
    """Give what a result needs to be understood later: machine, kernel, QEMU, Python and tool versions.

    Hosts with the same ``id`` may be compared for time: it covers CPU model, number of CPUs, GiB of memory and QEMU.
    """
    return {"tool": __version__, "host": dict(_host())}


@cache
def _host() -> dict[str, Any]:
    memory = psutil.virtual_memory()
    cpu, cpus, qemu = _cpu_model(), len(os.sched_getaffinity(0)), qemu_version()
    alike = "\n".join((platform.machine(), cpu, str(cpus), str(round(memory.total / (1 << 30))), qemu))
    return {
        "id": hashlib.sha256(alike.encode()).hexdigest()[:12],
        "name": platform.node(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": cpu,
        "cpus": cpus,
        "memory_mib": memory.total >> 20,
        "python": platform.python_version(),
        "qemu": qemu,
    }


def _cpu_model() -> str:
    """Give the model name that /proc/cpuinfo has on x86; empty where it has none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
