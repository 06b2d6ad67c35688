# SPDX-License-Identifier: GPL-2.0-only
"""A guest examined from outside: drgn reads its memory over a QMP socket of its own, the census reads it in bulk.

Structures are found by name in vmlinux's DWARF, never by kernel version.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from drgn import FaultError, Program
from drgn.helpers.linux.pid import for_each_task
from numpy.typing import NDArray

from testbed.errors import MeasureError
from testbed.measure.census import Census, Memory, guest_memory, qemu_blocks, stale_entries, take
from testbed.measure.kernellog import kernel_log, kernel_said

__all__ = ["Examiner"]


class Examiner:
    """A drgn session on one guest. Every method needs the guest's vCPUs stopped to be exact."""

    def __init__(self, socket: Path, vmlinux: Path) -> None:
        """Attach to QEMU's monitor at ``socket``; MeasureError when drgn cannot."""
        self.program = Program()
        self._memory: Memory | None = None
        try:
            self.program.set_qemu_qmp(str(socket))
            self.program.load_debug_info([str(vmlinux)])
        except (OSError, ValueError, LookupError, RuntimeError) as error:
            raise MeasureError(f"drgn cannot examine the guest over QMP: {error}") from error

    def census(self, pid: int, execute: Callable[[str, Mapping[str, object]], Any]) -> Census:
        """Take the census; ``pid`` is QEMU's, ``execute`` a monitor's. MeasureError when it can't be taken.

        Where the host forbids to read QEMU's memory in bulk, drgn reads it, a table at a time.
        """
        if self._memory is None:
            self._memory = guest_memory(self.program, pid, qemu_blocks(execute))
        return take(self.program, self._memory)

    def stale_entries(self, frames: NDArray[np.intp]) -> int:
        """Count entries of the zeropage in those of the page frames that are tables no more; after a census only."""
        if self._memory is None:
            raise MeasureError("no census was taken, so nobody knows how to read this guest")
        return stale_entries(self.program, self._memory, frames)

    def said(self, clock_s: float) -> bool:
        """Tell whether the kernel itself logged anything at that second of its clock (see :mod:`.kernellog`)."""
        return kernel_said(self.program, clock_s)

    def leaders(self) -> dict[int, int]:
        """Give the process (pid of its leader) of every thread that is not one itself; MeasureError if it is garbage.

        A kernel's report of a crash names the thread that ran, and page tables are a process's.
        """
        try:
            tasks = [(task.pid.value_(), task.tgid.value_()) for task in for_each_task(self.program)]
        except (LookupError, FaultError, OSError) as error:
            raise MeasureError(f"the kernel's list of tasks can't be read: {error}") from error
        return {pid: leader for pid, leader in tasks if pid != leader}

    def log(self) -> str:
        """Give all that the kernel has logged, printed on its console or not yet."""
        return kernel_log(self.program)
