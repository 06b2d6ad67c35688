# SPDX-License-Identifier: GPL-2.0-only
"""Facts about the host, for ``run.json`` and ``doctor``."""

import os
import platform
from typing import Any

import psutil

from testbed import __version__
from testbed.machine.accel import qemu_version

__all__ = ["host_facts"]


def host_facts() -> dict[str, Any]:
    """Give what a result needs to be understood later: machine, kernel, QEMU, Python and tool versions."""
    memory = psutil.virtual_memory()
    return {
        "tool": __version__,
        "host": {
            "kernel": platform.release(),
            "machine": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "memory_mib": memory.total >> 20,
            "python": platform.python_version(),
            "qemu": qemu_version(),
        },
    }
