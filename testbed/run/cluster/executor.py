# SPDX-License-Identifier: GPL-2.0-only
"""Run a run's cells on a cluster: the executor that ``conduct`` is given beside the one for this host."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from testbed.build import Progress
from testbed.errors import HostError
from testbed.machine.accel import Accel
from testbed.run.cell import Job
from testbed.run.cluster.connect import check_extra, check_url, connected
from testbed.run.cluster.ledger import Ledger, Need
from testbed.run.executor import Begin, Keep
from testbed.run.local import GUEST_OVERHEAD
from testbed.run.plan import Cell, Request
from testbed.store.record import CellResult

if TYPE_CHECKING:
    from distributed import Client

    from testbed.run.cluster.roster import Member

__all__ = ["Cluster", "cluster"]

# A cluster that was just started may have no worker yet.
FIRST_WORKER_S = 20.0
TICK_S = 0.5


@contextmanager
def cluster(url: str, progress: Progress) -> Iterator["Cluster"]:
    """Give the executor of ``--cluster``, connected. SpecError for a URL that is none, HostError as `connected`."""
    check_url(url)
    check_extra()
    with connected(url, progress) as client:
        yield Cluster(url, client, progress)


class Cluster:
    """Workers that are there, and how to run cells on them."""

    def __init__(self, url: str, client: "Client", progress: Progress) -> None:
        self._url, self._client, self._progress = url, client, progress
        self._request: Request | None = None

    def accelerator(self, request: Request, cells: Sequence[Cell]) -> Accel:
        """Look whether these cells can run here, and tell by what accelerators.

        HostError where no worker is there, one runs another testbed, or none can ever run one of the cells.
        """
        from testbed.run.cluster.remote import own_source
        from testbed.run.cluster.roster import strangers

        self._request = request
        members = self._first_members()
        others = strangers(members, own_source())
        if others:
            host, theirs = others[0].seat.host, others[0].source
            raise HostError(
                f"--cluster {self._url}: {len(others)} of {len(members)} workers run another testbed than this "
                f"({host}: {theirs}, here: {own_source()}); bring the same version there and start ./tb worker again"
            )
        ledger = Ledger({cell.name: self._need(cell, frozenset()) for cell in cells})
        for member in members.values():
            ledger.join(member.seat)
        unfit = ledger.unfit()
        if unfit:
            raise HostError(f"--cluster {self._url}: {unfit[0]} can run nowhere: {unfit[1]}; add a worker that can")
        return self._accel(request, list(members.values()))

    def run(
        self,
        jobs: Sequence[Job],
        at_once: int | None,
        begin: Begin,
        keep: Keep,
        finished: Callable[[CellResult], None],
    ) -> None:
        """Run all jobs, as :func:`testbed.run.local.run_jobs` does; ``at_once`` None is as many as the workers take.

        HostError where nobody is left who could run what is left.
        """
        from testbed.run.cluster.dispatch import Dispatch
        from testbed.run.cluster.orders import orders

        if not jobs or self._request is None:
            return
        self._progress("cluster", f"hash the artefacts of {len(jobs)} cells")
        prepared, artefacts = orders(jobs, self._request)
        needs = {
            name: self._need(order.job.cell, frozenset((order.kernel.digest, order.guest.digest)))
            for name, order in prepared.items()
        }
        dispatch = Dispatch(self._client, Ledger(needs, at_once), prepared, artefacts, begin, keep, self._progress)
        run_apart(dispatch.work, dispatch.cancelled, finished, dispatch.results)

    def _first_members(self) -> Mapping[str, "Member"]:
        from testbed.run.cluster.roster import roster

        end = time.monotonic() + FIRST_WORKER_S
        while not (members := roster(self._client) or {}):
            if time.monotonic() > end:
                raise HostError(
                    f"--cluster {self._url}: no worker is there; start one on each host with: ./tb worker {self._url}"
                )
            self._progress("cluster", "no worker is there yet")
            time.sleep(TICK_S)
        return members

    def _need(self, cell: Cell, artefacts: frozenset[str]) -> Need:
        request = self._request
        kvm = request is not None and (request.require_kvm or request.accel == "kvm")
        return Need(cell.guest.vcpus, (cell.memory_bytes + GUEST_OVERHEAD) >> 20, kvm, artefacts)

    def _accel(self, request: Request, members: Sequence["Member"]) -> Accel:
        with_kvm = sum(member.accel == "kvm" for member in members)
        told = f"{len(members)} workers of {self._url}"
        if request.accel == "tcg":
            return Accel("tcg", f"{told}; kvm: not asked for (--accel tcg)")
        if with_kvm == len(members):
            return Accel("kvm", f"{told}, all proved it")
        return Accel("tcg", f"{told}, {with_kvm} proved kvm; each record tells its own")


def run_apart(
    work: Callable[[], None],
    cancelled: threading.Event,
    finished: Callable[[CellResult], None],
    results: "SimpleQueue[CellResult]",
) -> None:
    """Do ``work`` in a thread, so that no ^C cuts it short between two steps; ``finished`` is called in this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="cluster") as pool:
        future = pool.submit(work)
        try:
            while not future.done() or not results.empty():
                try:
                    finished(results.get(timeout=TICK_S))
                except Empty:
                    continue
            future.result()
        except BaseException:
            cancelled.set()
            pool.shutdown(wait=True)
            raise
