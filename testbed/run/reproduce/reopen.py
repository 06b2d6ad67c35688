# SPDX-License-Identifier: GPL-2.0-only
"""A run of attempts that was interrupted or killed, opened again for more of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from testbed.build import Progress, silent
from testbed.errors import SpecError
from testbed.run.host import host_facts
from testbed.run.reproduce.trials import BugTrials, How, TrialRun
from testbed.run.where import accelerator
from testbed.spec import BugSpec
from testbed.store.folder import RunFolder

__all__ = ["reopen_trials"]


@contextmanager
def reopen_trials(
    root: Path, bug: BugSpec, folder: RunFolder, how: How | None = None, progress: Progress = silent
) -> Iterator[BugTrials]:
    """Open a run again: what has a record is kept, what was under way is set aside, and its number given anew.

    SpecError where the run is still under way, or where guests would be run by another accelerator than before;
    HostError where nothing can run guests.
    """
    how = how or How()
    folder.hold()
    accel = accelerator(how.accel, how.require_kvm, progress)
    header = folder.header()
    was = header["accel"]["kind"]
    if accel.kind != was:
        raise SpecError(f"{folder.path}: its attempts ran by {was}, and not by {accel.kind}; give --accel {was}")
    folder.mend()
    for name in folder.lost({record["cell"] for record in folder.records()}):
        folder.set_aside(name)
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **host_facts(), "argv": sys.argv}
    resumed = [*header.get("resumed", ()), {**entry, "accel": asdict(accel)}]
    folder.write_header({**header, "resumed": resumed})
    run = TrialRun(root, folder, accel, how, progress)
    run.trim()
    try:
        yield run.of(bug)
    finally:
        run.close()
