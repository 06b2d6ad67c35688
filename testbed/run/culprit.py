# SPDX-License-Identifier: GPL-2.0-only
"""Whose page tables are worth a look after a death: those of the process that ran when the kernel crashed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from testbed.judge.crash import Crash
from testbed.report.culprit import Caption, culprit_svg
from testbed.report.html.maps import Seen, see
from testbed.run.autopsy import DEATH
from testbed.store.folder import census_path

__all__ = ["CULPRIT", "Running", "draw_culprit", "running"]

#: The picture in a cell's folder.
CULPRIT = "culprit.svg"
# dump_stack_print_info() of lib/dump_stack.c; since 6.11 the user's id stands between.
RUNNING = re.compile(r"CPU: (\d+)(?: UID: \d+)? PID: (\d+) Comm: (.{1,15}?) (?:Not tainted|Tainted:|Kdump:)")
ANY = 0


@dataclass(frozen=True)
class Running:
    """Who ran, by the kernel's report."""

    cpu: int
    pid: int
    name: str


def running(report: Iterable[str]) -> Running | None:
    """Find in the lines of a crash who ran; None where they don't say.

    >>> running(["<4>[    1.9][   T77] CPU: 1 UID: 0 PID: 77 Comm: die Not tainted 6.12.117 #1"])
    Running(cpu=1, pid=77, name='die')
    """
    for line in report:
        found = RUNNING.search(line)
        if found:
            return Running(int(found[1]), int(found[2]), found[3])
    return None


def draw_culprit(
    folder: Path,
    cell: str,
    crash: Crash | None,
    workload: int | None,
    leaders: Mapping[int, int] = MappingProxyType({}),
) -> Path | None:
    """Draw ``culprit.svg`` from the census that was taken of a dead guest; None where there is nothing to draw.

    ``leaders`` has the process of a thread. Where nobody is known to have run, or it was a task without page tables
    of its own, the workload's process (``workload`` is its pid) is drawn, and the picture says so.
    """
    seen = see(census_path(folder, DEATH), ANY)
    if seen is None:
        return None
    told = [f"{crash.kind}: {crash.title}" if crash else "The guest stood still or went away without a crash.", cell]
    ran = running(crash.report) if crash else None
    pid = leaders.get(ran.pid, ran.pid) if ran else None
    theirs = _of(seen, pid)
    if ran and theirs:
        title = f"Page tables of {_name(theirs)}, PID {pid}"
        who = f"Its thread {ran.name}, {ran.pid}," if pid != ran.pid else "It"
        told.append(f"{who} ran on CPU {ran.cpu} when the kernel crashed.")
    else:
        theirs = _of(seen, workload)
        if theirs is None:
            return None
        title = f"Page tables of {_name(theirs)}, PID {workload}, when the guest died"
        if ran:
            told.append(f"{ran.name}, PID {ran.pid}, ran on CPU {ran.cpu}; no page tables of its own were found.")
    path = folder / CULPRIT
    path.write_text(culprit_svg(theirs, Caption(title, told)), encoding="utf-8")
    return path


def _name(seen: Seen) -> str:
    return seen.spaces[0].partition(" ")[2]


def _of(seen: Seen, pid: int | None) -> Seen | None:
    """What was seen of one process; None where nothing was."""
    mine = next((at for at, name in enumerate(seen.spaces) if name.partition(" ")[0] == str(pid)), None)
    if mine is None:
        return None
    rows = np.flatnonzero(seen.space == mine)
    return replace(
        seen,
        spaces=(seen.spaces[mine],),
        space=np.zeros(len(rows), dtype=np.int64),
        plane=seen.plane[rows],
        slot=seen.slot[rows],
        kind=seen.kind[rows],
        entries=seen.entries[rows],
    )
