# SPDX-License-Identifier: GPL-2.0-only
"""Attempts at one bug in one place: several guests at once, until they are enough, and graded."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from testbed.judge.grade import Grade
from testbed.run.cell import Job, run_cell
from testbed.run.reproduce.subject import Enough, Graded
from testbed.store.record import CellResult

__all__ = ["OneCore", "grade_of", "graded", "run_attempts"]

Record = Mapping[str, Any]

#: So many attempts of which none could be judged are enough: the kernel does not boot, or the host can't run it.
PATIENCE = 3


def run_attempts(
    make: Callable[[int], Job],
    most: int,
    at_once: int,
    enough: Enough,
    begin: Callable[[Job], None],
    keep: Callable[[CellResult], None],
    finished: Callable[[CellResult], None],
) -> list[CellResult]:
    """Run attempts 0 to ``most`` - 1, which ``make`` gives just before each starts, until they are ``enough``.

    What was begun by then is run to its end and counted: to drop it would favour whatever ends soonest. ``begin`` and
    ``keep`` come in a worker's thread, ``make`` and ``finished`` in the caller's, the latter in the order of the ends.

    On KeyboardInterrupt the guests under way are ended, and it goes on to the caller; so does what a worker raised.
    """
    cancelled = threading.Event()

    def work(job: Job) -> CellResult | None:
        begin(job)
        result = run_cell(job, cancelled)
        if cancelled.is_set():
            return None  # it may have been cut short
        keep(result)
        return result

    results: list[CellResult] = []
    with ThreadPoolExecutor(at_once, thread_name_prefix="attempt") as pool:
        try:
            pending: set[Future[CellResult | None]] = set()
            number, settled = 0, False
            while True:
                # once only: what still ends after that does not bring it back
                settled = settled or _settled(results, enough)
                while number < most and len(pending) < at_once and not settled:
                    pending.add(pool.submit(work, make(number)))
                    number += 1
                if not pending:
                    return results
                # a bounded wait, so that ^C is seen at once
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for result in (future.result() for future in done):
                    if result is not None:
                        results.append(result)
                        finished(result)
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class OneCore:
    """Lets one attempt in a place keep the memory of its dead guest: they are hundreds of MB, and alike."""

    def __init__(self) -> None:
        self._armed: str | None = None
        self._kept = False

    def arm(self, job: Job) -> Job:
        """Give the job that is to start now, which keeps the memory unless one has or another may."""
        if self._kept or self._armed is not None:
            return job
        self._armed = job.cell.name
        return replace(job, vmcore=True)

    def note(self, result: CellResult) -> None:
        """See whether it did."""
        self._kept = self._kept or "file" in (result.vmcore or {})
        if result.cell == self._armed:
            self._armed = None


def grade_of(records: Sequence[Record]) -> Grade:
    """Give the grade of attempts, of which some may not have been judged."""
    answers = [(record["shown"] or {}).get("shown") for record in records]
    return Grade(answers.count(True), len(answers) - answers.count(None))


def graded(records: Sequence[dict[str, Any]]) -> Graded:
    """Give what attempts came to; it is unusable where none of them could be judged."""
    grade = grade_of(records)
    unjudged = tuple(
        f"{record['cell']}: {record['shown']['sign']}" for record in records if record["shown"]["shown"] is None
    )
    unusable = records[0]["shown"]["sign"] if records and grade.runs == 0 else ""
    return Graded(grade, records, unjudged, unusable)


def _settled(results: Sequence[CellResult], enough: Enough) -> bool:
    if not results:
        return False
    grade = grade_of([{"shown": result.shown} for result in results])
    return len(results) >= PATIENCE if grade.runs == 0 else enough(grade)
