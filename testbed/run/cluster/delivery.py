# SPDX-License-Identifier: GPL-2.0-only
"""Artefacts on their way to the hosts: each cache is sent to once, by whichever of its workers has room first.

The orchestrator hands compressed pieces to one worker (Dask's ``scatter``); the others get them from whoever has them,
worker from worker, because the pieces are inputs of the task that takes them in. So neither the orchestrator, which
may sit behind a slow line and which nobody can call, nor the scheduler sends a kernel a hundred times.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Client, Future
from distributed.comm.core import CommClosedError

from testbed.errors import TestbedError
from testbed.run.cluster.ledger import Seat
from testbed.run.cluster.parcel import opened, parcel
from testbed.run.cluster.remote import has_artefact, take_artefact
from testbed.run.cluster.store import chunks_of
from testbed.run.cluster.wire import Artefact

__all__ = ["Deliveries"]

TRIES = 3


@dataclass
class _Sent:
    """The pieces of one artefact that are in the cluster, and the caches that still take them in."""

    pieces: list[Future[bytes]] | None = None
    scattering: bool = False
    awaited_by: set[str] = field(default_factory=set)


class Deliveries:
    """What is under way to which cache. All methods are called by one thread; long work reports by ``later``."""

    def __init__(
        self,
        client: Client,
        artefacts: Mapping[str, tuple[Artefact, Path]],
        watch: Callable[[Future[Any], Callable[[Any], None]], None],
        later: Callable[[Callable[[], None]], None],
        stored: Callable[[str, str], None],
        refused: Callable[[str, str], None],
        failed: Callable[[], None],
    ) -> None:
        """``artefacts`` are known by digest, with the folder that they lie in here.

        ``watch`` calls back with what a future gave or raised, ``later`` runs a call in the calling thread;
        ``stored`` (store, digest) is told of each arrival, ``refused`` (address, reason) of a worker that can't
        take one, ``failed`` that something did not arrive and is to be asked for again.
        """
        self._client, self._artefacts = client, artefacts
        self._watch, self._later, self._stored, self._refused = watch, later, stored, refused
        self._told_failure = failed
        self._under_way: dict[tuple[str, str], Seat] = {}
        self._failures: dict[tuple[str, str], int] = {}
        self._sent = {digest: _Sent() for digest in artefacts}
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="send")
        self.sent = 0

    def want(self, seat: Seat, digest: str) -> None:
        """See to it that a worker's cache gets an artefact, unless it is on its way there already."""
        if (seat.store, digest) in self._under_way:
            return
        self._under_way[seat.store, digest] = seat
        artefact, _ = self._artefacts[digest]
        asked = self._client.submit(opened, parcel(has_artefact, artefact), workers=[seat.address], pure=False)
        self._watch(asked, lambda answer: self._asked(seat, digest, answer))

    def gone(self, address: str) -> None:
        """Forget what was on its way to a worker that is gone; another of its cache may ask anew."""
        for key, seat in list(self._under_way.items()):
            if seat.address == address:
                self._end(*key)

    def close(self) -> None:
        """Let go of all pieces."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._sent.clear()

    # --- the steps ---

    def _current(self, seat: Seat, digest: str) -> bool:
        return self._under_way.get((seat.store, digest)) == seat

    def _asked(self, seat: Seat, digest: str, answer: Any) -> None:
        if not self._current(seat, digest):
            return
        if answer is True:
            self._arrived(seat, digest)
        elif isinstance(answer, BaseException):
            self._failed(seat, digest, answer)
        else:
            sent = self._sent[digest]
            sent.awaited_by.add(seat.store)
            if sent.pieces is not None:
                self._take(seat, digest, sent.pieces)
            elif not sent.scattering:
                sent.scattering = True
                self._threads.submit(self._scatter, seat, digest)

    def _scatter(self, seat: Seat, digest: str) -> None:
        """In a thread of its own: give the pieces to the first worker that asked."""
        artefact, folder = self._artefacts[digest]
        try:
            pieces = [
                self._client.scatter(piece, workers=[seat.address], hash=False, direct=False)
                for piece in chunks_of(artefact, folder)
            ]
        except Exception as error:  # noqa: BLE001  # else nobody would learn that nothing comes
            failure = error  # the name of the clause goes with it
            self._later(lambda: self._scattered(digest, None, failure))
        else:
            self._later(lambda: self._scattered(digest, pieces, None))

    def _scattered(self, digest: str, pieces: list[Future[bytes]] | None, failure: Exception | None) -> None:
        sent = self._sent[digest]
        sent.scattering, sent.pieces = False, pieces
        for seat in [seat for (store, what), seat in self._under_way.items() if what == digest]:
            if seat.store not in sent.awaited_by:
                continue
            if pieces is None:
                self._failed(seat, digest, failure or OSError("nothing was sent"))
            else:
                self._take(seat, digest, pieces)

    def _take(self, seat: Seat, digest: str, pieces: list[Future[bytes]]) -> None:
        artefact, _ = self._artefacts[digest]
        taken = self._client.submit(opened, parcel(take_artefact, artefact), pieces, workers=[seat.address], pure=False)
        self._watch(taken, lambda answer: self._taken(seat, digest, answer))

    def _taken(self, seat: Seat, digest: str, answer: Any) -> None:
        if not self._current(seat, digest):
            return
        if answer is True:
            self.sent += 1
            self._arrived(seat, digest)
        else:
            self._sent[digest].pieces = None  # a piece may be lost with a worker: the next one gets them anew
            self._failed(seat, digest, answer)

    def _arrived(self, seat: Seat, digest: str) -> None:
        self._end(seat.store, digest)
        self._stored(seat.store, digest)

    def _failed(self, seat: Seat, digest: str, error: BaseException) -> None:
        key = (seat.store, digest)
        self._end(*key)
        self._failures[key] = self._failures.get(key, 0) + 1
        of_the_way = isinstance(
            error, (CommClosedError, TimeoutError)
        )  # both are OSErrors, and no fault of this worker
        of_the_host = isinstance(error, (TestbedError, OSError)) and not of_the_way
        if self._failures[key] >= TRIES or of_the_host:
            self._refused(seat.address, str(error) or repr(error))
        else:
            self._told_failure()

    def _end(self, store: str, digest: str) -> None:
        del self._under_way[store, digest]
        sent = self._sent[digest]
        sent.awaited_by.discard(store)
        if not sent.awaited_by and not sent.scattering:
            sent.pieces = None
