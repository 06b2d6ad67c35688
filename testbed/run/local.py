# SPDX-License-Identifier: GPL-2.0-only
"""Run jobs on this host, several guests at once, in threads that live as long as their guest."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import psutil

from testbed.run.cell import Job
from testbed.run.retry import run_job
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
    jobs: Sequence[Job],
    at_once: int,
    begin: Callable[[Job], None],
    keep: Callable[[CellResult], None],
    finished: Callable[[CellResult], None],
) -> None:
    """Run all jobs; ``begin`` and ``keep`` come in a worker's thread, ``finished`` in the caller's.

    A worker takes its next job only when ``keep`` has returned for the one before.

    On KeyboardInterrupt the guests under way are ended, what has not begun is dropped, and the interrupt goes on to
    the caller; results of interrupted cells are not kept.
    """
    cancelled = threading.Event()

    def work(job: Job) -> CellResult | None:
        if cancelled.is_set():
            return None
        begin(job)
        result = run_job(job, cancelled)
        if cancelled.is_set():
            return None  # it may have been cut short
        keep(result)
        return result

    with ThreadPoolExecutor(at_once, thread_name_prefix="cell") as pool:
        try:
            pending: set[Future[CellResult | None]] = {pool.submit(work, job) for job in jobs}
            while pending:
                # a bounded wait, so that ^C is seen at once
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for result in (future.result() for future in done):
                    if result is not None:
                        finished(result)
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
