# SPDX-License-Identifier: GPL-2.0-only
"""The survey of this very host by a census of its own kernel's memory: exact to the entry, for who has its debug info.

The host goes on running meanwhile, so a process that maps or unmaps may be off by what it did.
"""

from collections.abc import Sequence

from drgn import MissingDebugInfoError, Program

from testbed.errors import MeasureError
from testbed.measure.census import Census, DrgnMemory, kernel_blocks, take
from testbed.measure.survey import Process, Survey, resident_kb, total_ram_kb

__all__ = ["exact_survey", "surveyed"]

TABLE_KB = 4


def exact_survey(pids: Sequence[int] | None) -> Survey:
    """Look at the processes ``pids``, or at all, through /proc/kcore; MeasureError says what it takes."""
    prog = Program()
    try:
        prog.set_kernel()
        prog.load_default_debug_info()
    except PermissionError as error:
        raise MeasureError("--exact reads the kernel's memory (/proc/kcore), which only root may") from error
    except MissingDebugInfoError as error:
        first = str(error).splitlines()[0]
        raise MeasureError(
            f"--exact needs the debug info of the running kernel (linux-image-*-dbg): {first}"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise MeasureError(f"--exact: this kernel's memory can't be read: {error}") from error
    return surveyed(take(prog, DrgnMemory(prog, kernel_blocks(prog))), pids)


def surveyed(census: Census, pids: Sequence[int] | None) -> Survey:
    """Give a census as a survey, most waste first; MeasureError for a pid that was asked for and has no tables."""
    found = []
    for index, space in enumerate(census.spaces):
        if space.pid is None or (pids is not None and space.pid not in pids):
            continue
        levels = census.counts([index])
        waste = sum(levels[level]["empty"] + levels[level]["zero"] for level in ("pte", "pmd", "pud"))
        held = space.account // 1024
        found.append(Process(space.pid, space.name, held, resident_kb(space.pid), max(0, held - waste * TABLE_KB), 0))
    missing = set(pids or ()) - {process.pid for process in found}
    if missing:
        raise MeasureError(f"process {min(missing)} has no page tables of its own: a kernel thread, or not there")
    found.sort(key=lambda process: process.waste_kb, reverse=True)
    return Survey(tuple(found), 0, f"the census of this kernel ({census.way})", total_ram_kb())
