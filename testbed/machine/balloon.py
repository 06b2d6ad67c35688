# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's balloon driver tells QEMU of the guest's memory.

It knows nothing of page tables (docs/interop of QEMU names its ten figures), but it is told to QEMU without the agent.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from testbed.errors import QmpLost

__all__ = ["BALLOON", "Balloon", "figures"]

# The device's id on QEMU's command line.
BALLOON = "balloon"
# The least that QEMU's property guest-stats-polling-interval takes, in whole seconds.
POLL_S = 1
ASK_S = 0.5
# A monitor that is slower than that is not asked again: what waits for it meanwhile is the whole cell.
PATIENCE_S = 1.0
# What a driver of that guest doesn't tell is -1 as an unsigned number of 64 bits.
UNKNOWN = (1 << 64) - 1
# include/standard-headers/linux/virtio_balloon.h: these are bytes, the others count events
BYTES = ("swap-in", "swap-out", "free-memory", "total-memory", "available-memory", "disk-caches")


class Monitor(Protocol):
    """What is needed of :class:`testbed.machine.qmp.Qmp`."""

    def execute(self, command: str, arguments: Mapping[str, object] | None = None, timeout_s: float = 10) -> Any:
        """Run a command and give its answer; QmpLost where there is none."""


class Balloon:
    """The figures as they come, about one a second; none where QEMU has no such device or does not answer."""

    def __init__(self, monitor: Monitor) -> None:
        """Let QEMU ask the driver each second."""
        self._monitor = monitor
        self._silent = False
        # the driver has told some when it was loaded, before anything ran
        self._last = self._ask()
        self._execute("qom-set", property="guest-stats-polling-interval", value=POLL_S)
        self._next = time.monotonic() + ASK_S

    def news(self) -> dict[str, int] | None:
        """Give :func:`figures` if there are some that were not given before; asks QEMU twice a second at most."""
        if self._silent or time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + ASK_S
        answer = self._ask()
        if answer is None or answer == self._last:
            return None
        self._last = answer
        return figures(answer["stats"])

    def _ask(self) -> Any:
        return self._execute("qom-get", property="guest-stats")

    def _execute(self, command: str, **arguments: object) -> Any:
        if self._silent:
            return None
        try:
            return self._monitor.execute(command, {"path": f"/machine/peripheral/{BALLOON}", **arguments}, PATIENCE_S)
        except QmpLost:
            self._silent = True
            return None


def figures(stats: Mapping[str, int]) -> dict[str, int]:
    """Name QEMU's ``stat-*`` as ours: amounts in kB (``free_memory_kb``), events as they are (``minor_faults``).

    What the guest's driver doesn't tell is left out.
    """
    found = {}
    for key, value in sorted(stats.items()):
        name = key.removeprefix("stat-")
        if value == UNKNOWN:
            continue
        if name in BYTES:
            found[f"{name.replace('-', '_')}_kb"] = value >> 10
        else:
            found[name.replace("-", "_")] = value
    return found
