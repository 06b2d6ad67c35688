# SPDX-License-Identifier: GPL-2.0-only
"""Where the cells of a run are run, if not on this host by ``local``: what ``conduct`` asks of such a place."""

from collections.abc import Callable, Sequence
from typing import Protocol

from testbed.machine.accel import Accel
from testbed.run.cell import Job
from testbed.run.plan import Cell, Request
from testbed.store.record import CellResult

__all__ = ["Begin", "Executor", "Keep"]


class Begin(Protocol):
    """Notes that cells start."""

    def __call__(self, *jobs: Job) -> None:
        """Note them all."""


class Keep(Protocol):
    """Writes results down."""

    def __call__(self, *results: CellResult) -> None:
        """Write them all."""


class Executor(Protocol):
    """A place that runs cells; the order of a run's steps is the same wherever they run."""

    def accelerator(self, request: Request, cells: Sequence[Cell]) -> Accel:
        """Tell by what the guests will run; HostError, before anything is built, if these cells can't run there."""

    def run(
        self,
        jobs: Sequence[Job],
        at_once: int | None,
        begin: Begin,
        keep: Keep,
        finished: Callable[[CellResult], None],
    ) -> None:
        """Run all jobs: ``begin`` before each, ``keep`` once for each, ``finished`` after that in the caller's thread.

        The first two write to the disk and return when it is there, which takes as long for many as for one.
        ``at_once`` is the most guests at a time, None whatever the place carries. KeyboardInterrupt ends the guests
        and goes on to the caller. HostError where nobody is left to run the rest.
        """
