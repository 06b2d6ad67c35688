# SPDX-License-Identifier: GPL-2.0-only
"""The loop of a run on a cluster: what goes where, and what came back. One thread turns it.

What takes time (fetching a result, unpacking its files, sending a kernel) is done by other threads, which put what is
to be done next into one queue. So the ledger, the run's folder and the futures have one master.
"""

import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Client, Future
from distributed.comm.core import CommClosedError

from testbed.build import Progress
from testbed.errors import HostError, MeasureError
from testbed.run.cell import Job
from testbed.run.cluster.delivery import Deliveries
from testbed.run.cluster.landing import bring, land
from testbed.run.cluster.ledger import DEATHS, Ledger, Seat
from testbed.run.cluster.parcel import opened, parcel
from testbed.run.cluster.presence import Presence
from testbed.run.cluster.remote import run_order
from testbed.run.cluster.wire import Artefact, Order, Outcome
from testbed.run.executor import Begin, Keep
from testbed.run.skipped import unrun
from testbed.store.durable import sync_folder
from testbed.store.record import CellResult

__all__ = ["Dispatch"]

TICK_S = 0.25
FETCH_S = 120.0
# A yes or no: whoever gave it and is gone before it is fetched is not waited for as long.
ANSWER_S = 20.0
FETCHERS = 16


@dataclass(frozen=True)
class _Try:
    """One attempt at a cell: the task's key, and the worker that it went to."""

    number: int
    key: str
    address: str
    future: Future[Outcome]


@dataclass(frozen=True)
class _Brought:
    """A result whose files lie beside the cell's folder."""

    result: CellResult
    folder: Path


@dataclass(frozen=True)
class _Broken:
    """What of this host failed while a result was taken in."""

    error: OSError


class Dispatch:
    """One run on the workers of a client; ``results`` gets each result when it is on the disk."""

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        orders: Mapping[str, Order],
        artefacts: Mapping[str, tuple[Artefact, Path]],
        begin: Begin,
        keep: Keep,
        progress: Progress,
        task: Callable[[Order, str], Outcome] = run_order,
    ) -> None:
        """``task`` is what a worker does with an order and its key."""
        self.cancelled = threading.Event()
        self.results: SimpleQueue[CellResult] = SimpleQueue()
        self._client, self._ledger, self._orders, self._task = client, ledger, orders, task
        self._begin, self._keep = begin, keep
        self._todo: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._fetchers = ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch")
        watch = partial(self._watch, within_s=ANSWER_S)
        self._deliveries = Deliveries(
            client, artefacts, watch, self._todo.put, self._stored, self._put_out, self._again
        )
        self._presence = Presence(client, ledger, progress)
        self._session = secrets.token_hex(4)
        self._tries: dict[str, _Try] = {}
        self._given: dict[str, Seat] = {}
        self._landed: list[CellResult] = []
        self._number = 0
        self._changed = True

    def work(self) -> None:
        """Run all cells, or until ``cancelled`` is set.

        HostError where nobody is left to run the rest, OSError where this host can't keep the results.
        """
        try:
            while self._ledger.left and not self.cancelled.is_set():
                self._look()
                if self._changed:
                    self._changed = False
                    self._fill(self._ledger.seats)
                self._write_down()
                self._do_what_came()
                self._write_down()
        finally:
            # a worker which learns that nobody waits for a task any more ends its guest
            self._client.cancel([each.future for each in self._tries.values()], force=True)
            self._tries.clear()
            self._fetchers.shutdown(wait=True, cancel_futures=True)
            self._deliveries.close()

    def _do_what_came(self) -> None:
        try:
            self._todo.get(timeout=TICK_S)()
            for _ in range(self._todo.qsize()):
                self._todo.get_nowait()()
        except Empty:
            return

    def _write_down(self) -> None:
        """Bring to the disk what has landed, and what is given out before it goes: once for all of a round."""
        if self._landed:
            landed, self._landed = self._landed, []
            sync_folder(self._orders[landed[0].cell].job.folder.parent)
            self._keep(*landed)
            for result in landed:
                self.results.put(result)
        if self._given:
            given, self._given = self._given, {}
            self._begin(*(self._orders[name].job for name in given))
            for name, seat in given.items():
                self._send(name, seat)

    # --- who is there ---

    def _look(self) -> None:
        change = self._presence.look(bool(self._tries))
        for address in change.gone:
            self._gone(address, change.died)
        if change.came:
            self._changed = True

    def _gone(self, address: str, died: bool) -> None:
        """Let the cells of a worker be run elsewhere."""
        self._deliveries.gone(address)
        self._given = {name: seat for name, seat in self._given.items() if seat.address != address}
        lost = [name for name, each in self._tries.items() if each.address == address]
        self._client.cancel([self._tries.pop(name).future for name in lost], force=True)
        for name in self._ledger.leave(address, died):
            self._end_as_error(name, f"{DEATHS} workers ended while they ran it, the last on {address}")
        self._changed = True

    def _put_out(self, address: str, reason: str) -> None:
        """Use a worker no more: one on which everything fails at once would else draw all cells to it."""
        self._presence.put_out(address, reason)
        self._gone(address, died=False)

    # --- what goes out ---

    def _fill(self, seats: Iterable[Seat]) -> None:
        """Give each worker one cell in turn, until none takes any."""
        left = list(seats)
        while left and not self.cancelled.is_set():
            left = [seat for seat in left if self._give(seat)]

    def _give(self, seat: Seat) -> bool:
        for digest in self._ledger.lacking(seat.address):
            self._deliveries.want(seat, digest)
        name = self._ledger.take(seat.address)
        if name is None:
            return False
        self._given[name] = seat
        return True

    def _send(self, name: str, seat: Seat) -> None:
        order, need = self._orders[name], self._ledger.asks(name)
        self._number += 1
        number, key = self._number, f"testbed-{self._session}-{self._number}-{name}"
        resources = {"cores": need.cores, "memory": need.memory_mib, **({"kvm": 1} if need.kvm else {})}
        task = parcel(self._task, order, key)
        future = self._client.submit(opened, task, key=key, workers=[seat.address], resources=resources)
        self._tries[name] = _Try(number, key, seat.address, future)
        self._watch(future, lambda answer: self._came(name, number, answer), lambda it: _bring(order.job, it, number))

    def _stored(self, store: str, digest: str) -> None:
        self._ledger.stored(store, digest)
        self._changed = True

    def _again(self) -> None:
        self._changed = True

    # --- what comes back ---

    def _watch(
        self,
        future: Future[Any],
        then: Callable[[Any], None],
        prepare: Callable[[Any], Any] = lambda answer: answer,
        within_s: float = FETCH_S,
    ) -> None:
        """Call ``then`` in the loop's thread with what a future gave or raised, ``prepare`` in another before that."""

        def fetch() -> None:
            try:
                answer = prepare(future.result(timeout=within_s))
            except BaseException as error:  # noqa: BLE001  # whatever a task on another host may raise
                answer = error
            self._todo.put(lambda: then(answer))

        def done(_: Future[Any]) -> None:
            try:
                self._fetchers.submit(fetch)
            except RuntimeError:
                return  # the run is at its end, and nobody waits

        future.add_done_callback(done)

    def _came(self, name: str, number: int, answer: Any) -> None:
        """Take the answer of an attempt, unless it was given up meanwhile."""
        attempt = self._tries.get(name)
        if attempt is None or attempt.number != number:
            if isinstance(answer, _Brought):
                shutil.rmtree(answer.folder, ignore_errors=True)
            return
        match answer:
            case _Broken(error):
                raise error
            case Outcome(result=None):
                self._put_out(attempt.address, "it was told to end")
                return
            case _Brought(result, folder):
                self._ledger.finished(name)
                land(folder, self._orders[name].job.folder)
                self._landed.append(result)
            case MeasureError() | CancelledError() | TimeoutError() | CommClosedError():
                if self._ledger.failed(name):
                    self._end_as_error(name, f"{DEATHS} results of it were lost, the last by {answer!r}")
            case HostError() | OSError():
                if self._ledger.failed(name):
                    self._end_as_error(name, f"{DEATHS} workers could not run it: {answer}")
                del self._tries[name]
                self._put_out(attempt.address, str(answer))
                return
            case _:
                self._end_as_error(name, f"the worker could not run it: {answer!r}")
        del self._tries[name]
        self._fill(seat for seat in self._ledger.seats if seat.address == attempt.address)

    def _end_as_error(self, name: str, reason: str) -> None:
        if self._ledger.finished(name):
            job = self._orders[name].job
            self._landed.append(unrun(job.cell, job.run, job.accel, "error", reason))


def _bring(job: Job, outcome: Outcome, number: int) -> Outcome | _Brought | _Broken:
    if outcome.result is None:
        return outcome
    try:
        return _Brought(outcome.result, bring(job, outcome.result, outcome.files, number))
    except OSError as error:
        return _Broken(error)
