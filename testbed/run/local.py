# SPDX-License-Identifier: GPL-2.0-only
"""Run jobs on this host, several guests at once, in threads that live as long as their guest."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import psutil

from testbed.run.cell import Job, run_cell
from testbed.store.record import CellResult

__all__ = ["default_jobs", "run_jobs"]

# What a guest costs beside its RAM: QEMU itself, drgn's debug information.
GUEST_OVERHEAD = 512 << 20
USABLE_MEMORY = 0.8


def default_jobs(jobs: Sequence[Job]) -> int:
    """Give as many guests at once as the host's CPUs and free memory carry, at least one."""
    if not jobs:
        return 1
    vcpus = max(job.cell.guest.vcpus for job in jobs)
    memory = max(job.cell.memory_bytes for job in jobs) + GUEST_OVERHEAD
    by_cpu = len(os.sched_getaffinity(0)) // vcpus
    by_memory = int(psutil.virtual_memory().available * USABLE_MEMORY / memory)
    return max(1, min(by_cpu, by_memory, len(jobs)))


def run_jobs(
    jobs: Sequence[Job], at_once: int, started: Callable[[Job], None], finished: Callable[[CellResult], None]
) -> None:
    """Run all jobs; the callbacks come in the caller's thread for ``finished``, in a worker's for ``started``.

    On KeyboardInterrupt the guests under way are ended, what has not begun is dropped, and the interrupt goes on to
    the caller; results of interrupted cells are not reported.
    """
    cancelled = threading.Event()

    def work(job: Job) -> CellResult:
        started(job)
        return run_cell(job, cancelled)

    with ThreadPoolExecutor(at_once, thread_name_prefix="cell") as pool:
        pending: set[Future[CellResult]] = {pool.submit(work, job) for job in jobs}
        try:
            while pending:
                # a bounded wait, so that ^C is seen at once
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    finished(future.result())
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
