# SPDX-License-Identifier: GPL-2.0-only
"""A guest's vCPUs on few of the host's CPUs: each is stopped in the midst of anything, for as long as a time slice."""

import os

from testbed.errors import LaunchFailed
from testbed.machine.qmp import Qmp

__all__ = ["pin_vcpus"]


def pin_vcpus(qmp: Qmp, pid: int, count: int) -> tuple[int, ...]:
    """Let all vCPU threads of QEMU (QMP ``query-cpus-fast``) share ``count`` of the host's CPUs, which are returned.

    Guests that run at once begin at different ones, by QEMU's ``pid``. QEMU's other threads stay free. Raises
    LaunchFailed where the host has fewer CPUs for us, or refuses.
    """
    ours = sorted(os.sched_getaffinity(0))
    if not 1 <= count <= len(ours):
        raise LaunchFailed(f"vCPUs can't be pinned to {count} of the host's CPUs: {len(ours)} are ours")
    chosen = tuple(sorted(ours[(pid + step) % len(ours)] for step in range(count)))
    try:
        for vcpu in qmp.execute("query-cpus-fast"):
            os.sched_setaffinity(vcpu["thread-id"], chosen)
    except OSError as error:
        raise LaunchFailed(f"vCPUs can't be pinned to the host's CPUs {chosen}: {error.strerror}") from error
    return chosen
