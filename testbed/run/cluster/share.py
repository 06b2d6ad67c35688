# SPDX-License-Identifier: GPL-2.0-only
"""How worker processes on one host divide it among them."""

import os

import psutil

from testbed.run.local import USABLE_MEMORY

__all__ = ["shares", "usable"]


def usable() -> tuple[int, int]:
    """Give the cores, and the MiB of memory, that guests may take here."""
    memory = int(psutil.virtual_memory().available * USABLE_MEMORY) >> 20
    return len(os.sched_getaffinity(0)), memory


def shares(count: int) -> list[tuple[int, int]]:
    """Give (cores, MiB) of each of ``count`` workers; each has a core, as that many guests at once are asked for."""
    cores, memory = usable()
    return [(max(1, cores // count + (number < cores % count)), memory // count) for number in range(count)]
