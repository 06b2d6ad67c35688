# SPDX-License-Identifier: GPL-2.0-only
"""What is taken from a guest that is dead or stands still, before it is gone: its page tables, and its memory."""

import threading
from contextlib import suppress
from pathlib import Path

from testbed.errors import MeasureError, QmpLost
from testbed.machine.machine import Machine
from testbed.machine.target import Target
from testbed.machine.vmcore import VMCORE, save_vmcore
from testbed.measure.sample import census_record
from testbed.run.notes import Notes
from testbed.store.folder import census_path

__all__ = ["DEATH", "autopsy", "keep_memory"]

# What stands in the place of a phase when the guest died.
DEATH = "death"


def autopsy(machine: Target, folder: Path, notes: Notes) -> None:
    """Take the census of a guest that is dead or stands still, as phase ``death``; say why where that can't be."""
    guest = machine.guest
    if guest is None or notes.examiner is None or guest.pid is None:
        return
    try:
        guest.qmp.execute("stop")
        census = notes.examiner.census(guest.pid, guest.qmp.execute)
    except (MeasureError, QmpLost) as error:
        notes.phases[DEATH] = {"unexamined": str(error)}
        return
    census.save(census_path(folder, DEATH))
    notes.phases[DEATH] = census_record(census, notes.pid)
    with suppress(MeasureError):  # a list that the crash has torn; the culprit may be a process's only thread
        notes.leaders = notes.examiner.leaders()


def keep_memory(machine: Target, folder: Path, notes: Notes, cancelled: threading.Event) -> None:
    """Keep the memory of such a guest as ``vmcore.zst``; ``notes.vmcore`` tells of it, or why there is none."""
    guest = machine.guest
    if guest is None:
        notes.vmcore = {"missing": "QEMU alone can dump a machine's memory, and it runs in none"}
        return
    try:
        notes.vmcore = _dump(guest, folder, cancelled)
    except (MeasureError, QmpLost) as error:
        notes.vmcore = {"missing": str(error)}


def _dump(guest: Machine, folder: Path, cancelled: threading.Event) -> dict[str, object]:
    guest.qmp.execute("stop")
    launch = guest.launch
    kept = save_vmcore(guest.qmp, folder / VMCORE, launch.sockets, launch.memory_bytes, cancelled)
    return {"file": VMCORE, "bytes": kept.packed, "plain_bytes": kept.plain, "seconds": kept.seconds}
