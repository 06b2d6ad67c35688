# SPDX-License-Identifier: GPL-2.0-only
"""``samples.jsonl``: what was heard of a guest while its workload ran, and how QEMU looked from outside meanwhile.

Each line is an object with ``type`` and ``t``, seconds since the workload was started by the host's monotonic clock.
Lines of type ``outside`` are the host's own, all others are the agent's messages, ``sample`` among them.
"""

import json
import time
from collections.abc import Mapping
from typing import IO, Any

import psutil

from testbed.machine.balloon import Balloon
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine

__all__ = ["SAMPLE_MS", "Samples"]

# What the agent is asked for; it samples less often by itself where that would take 1 % of the guest's instructions
# (guests/agent/sampler.c), as it does under TCG.
SAMPLE_MS = 10
OUTSIDE_S = 0.05


class Samples:
    """The open file; the workload starts now."""

    def __init__(self, file: IO[str], guest: Machine | None) -> None:
        """``guest`` is looked at from outside, if there is one."""
        self._file = file
        self._guest = guest
        self._began = time.monotonic()
        self._balloon: Balloon | None = None
        #: when :meth:`look` has something to do
        self.due = Deadline.after(OUTSIDE_S)

    def note(self, message: Mapping[str, Any]) -> None:
        """Write a message of the agent's."""
        t = round(time.monotonic() - self._began, 3)
        self._file.write(json.dumps({"type": message["type"], "t": t, **message}) + "\n")

    def look(self) -> None:
        """Write how QEMU looks from outside, if that is due.

        ``qemu_rss_kb`` is all of QEMU that is in the host's memory: what the guest has ever touched of its RAM
        (anonymous memory, or a shared file of which QEMU's own mapping counts), translated code (TCG), QEMU itself.
        ``balloon`` is what :meth:`Balloon.news` gives, null where there is nothing new.
        """
        if not self.due.passed:
            return
        self.due = Deadline.after(OUTSIDE_S)
        if self._guest is None:
            return
        if self._balloon is None:
            self._balloon = Balloon(self._guest.qmp)
        rss = _rss_kb(self._guest)
        if rss is not None:
            self.note({"type": "outside", "qemu_rss_kb": rss, "balloon": self._balloon.news()})


def _rss_kb(guest: Machine) -> int | None:
    """None when QEMU is gone; that is for others to tell."""
    try:
        return int(psutil.Process(guest.pid).memory_info().rss) >> 10
    except psutil.Error:
        return None
