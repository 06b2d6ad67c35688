# SPDX-License-Identifier: GPL-2.0-only
"""Whom the OOM killer killed, and for whose limit. Source: ``__oom_kill_process`` in mm/oom_kill.c."""

import re
from dataclasses import dataclass

from testbed.judge.signature import unstamped

__all__ = ["OomKill", "oom_kills"]

_KILLED = re.compile(
    r"(?P<cgroup>Memory cgroup out of memory|Out of memory)[^:]*: Killed process (?P<pid>\d+) \((?P<name>.*)\) "
    r"total-vm:\d+kB.* pgtables:(?P<pgtables>\d+)kB"
)


@dataclass(frozen=True)
class OomKill:
    """A process that was killed: by its cgroup's limit, or because the whole guest was out of memory."""

    by_cgroup: bool
    pid: int
    name: str
    pagetables_kb: int

    @property
    def text(self) -> str:
        """For a person."""
        limit = "limit of its memory cgroup" if self.by_cgroup else "guest out of memory"
        return f"{self.name}, {limit}, {self.pagetables_kb} kB of page tables"


def oom_kills(console: str) -> list[OomKill]:
    """Give all kills that a console tells of, in order."""
    return [
        OomKill(match["cgroup"].startswith("Memory"), int(match["pid"]), match["name"], int(match["pgtables"]))
        for line in console.splitlines()
        if line != (said := unstamped(line)) and (match := _KILLED.match(said))
    ]
