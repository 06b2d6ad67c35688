# SPDX-License-Identifier: GPL-2.0-only
"""Which cell goes to which worker: a book of cells, workers and what lies where, that knows nothing of Dask.

A cell is given to a worker only when there is room for it, so what was given out is what runs. When a worker dies, its
cells are suspects: each is run again alone on a worker, so that one which kills its workers takes nobody with it and
is found; after ``DEATHS`` of them it is not run again.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

__all__ = ["DEATHS", "Ledger", "Need", "Seat"]

DEATHS = 3


@dataclass(frozen=True)
class Need:
    """What a cell asks of a worker: memory in MiB, and artefacts by digest."""

    cores: int
    memory_mib: int
    kvm: bool
    artefacts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Seat:
    """A worker: what it offers in all, and ``store``, the id of the cache that it shares with others of its host."""

    address: str
    host: str
    store: str
    cores: int
    memory_mib: int
    kvm: bool


@dataclass
class _Taken:
    """A worker with what runs there; ``alone`` keeps company from a suspect, ``drained`` makes room for one."""

    seat: Seat
    running: dict[str, Need] = field(default_factory=dict)
    alone: bool = False
    drained: bool = False


class Ledger:
    """The book; cells are known by name, in the order in which they are to be run."""

    def __init__(self, needs: Mapping[str, Need], at_once: int | None = None) -> None:
        """``at_once`` limits how many cells run at the same time on all workers together."""
        self._needs = dict(needs)
        self._order = {name: number for number, name in enumerate(needs)}
        self._at_once = at_once or len(needs)
        self._waiting: dict[Need, deque[str]] = {}
        for name, need in needs.items():
            self._waiting.setdefault(need, deque()).append(name)
        self._suspects: deque[str] = deque()
        self._where: dict[str, str] = {}
        self._seats: dict[str, _Taken] = {}
        self._stores: dict[str, set[str]] = {}
        self._deaths: dict[str, int] = {}
        self._done: set[str] = set()
        self._most_cores = 0

    @property
    def left(self) -> int:
        """How many cells have no result."""
        return len(self._needs) - len(self._done)

    @property
    def seats(self) -> list[Seat]:
        """The workers."""
        return [taken.seat for taken in self._seats.values()]

    def deaths(self, name: str) -> int:
        """How many workers died while they ran the cell."""
        return self._deaths.get(name, 0)

    # --- workers come and go ---

    def join(self, seat: Seat) -> None:
        """Take a worker in."""
        self._seats[seat.address] = _Taken(seat)
        self._most_cores = max(self._most_cores, seat.cores)

    def leave(self, address: str, died: bool = True) -> list[str]:
        """Strike a worker out; gives those of its cells that have now cost ``DEATHS`` workers and are given up.

        Its other cells are to be run elsewhere; a worker that went in order (not ``died``) speaks against none.
        """
        taken = self._seats.pop(address, None)
        self._most_cores = max((seat.cores for seat in self.seats), default=0)
        given_up = []
        for name in list(taken.running) if taken else ():
            del self._where[name]
            if not died:
                self._requeue(name)
                continue
            self._deaths[name] = self.deaths(name) + 1
            if self._deaths[name] < DEATHS:
                self._suspects.append(name)
            else:
                given_up.append(name)
        return given_up

    def failed(self, name: str) -> bool:
        """Note that a worker could not run the cell, though it lives; whether the cell is to be given up."""
        self._free(name)
        self._deaths[name] = self.deaths(name) + 1
        if self._deaths[name] >= DEATHS:
            return True
        self._requeue(name)
        return False

    # --- artefacts ---

    def stored(self, store: str, digest: str) -> None:
        """Note that an artefact is in a cache."""
        self._stores.setdefault(store, set()).add(digest)

    def lacking(self, address: str) -> Collection[str]:
        """Give the artefacts that the next cell which suits a worker needs and its cache lacks."""
        taken = self._seats[address]
        suspects = (self._needs[name] for name in self._suspects)
        need = next((need for need in suspects if self._suits(taken.seat, need)), None)
        need = need or self._next(taken, lambda need: self._room(taken, need))
        return () if need is None else need.artefacts - self._stores.get(taken.seat.store, set())

    # --- cells ---

    def take(self, address: str) -> str | None:
        """Give the worker one cell to run now, or none where there is no room, or nothing that suits."""
        taken = self._seats[address]
        if len(self._where) >= self._at_once or taken.alone:
            return None
        name = self._suspect(taken)
        if name is None and not taken.drained:
            stored = self._stores.get(taken.seat.store, set())
            need = self._next(taken, lambda need: self._room(taken, need) and need.artefacts <= stored)
            name = self._waiting[need].popleft() if need else None
        if name is not None:
            taken.running[name] = self._needs[name]
            self._where[name] = address
        return name

    def asks(self, name: str) -> Need:
        """What a cell asks for: no more cores than the largest worker has, as guests of more vCPUs run there too."""
        need = self._needs[name]
        return Need(self._cores(need), need.memory_mib, need.kvm, need.artefacts)

    def finished(self, name: str) -> bool:
        """Note a cell's result; False where it has one already, and this one is to be dropped."""
        if name in self._done:
            return False
        self._done.add(name)
        if name in self._where:
            self._free(name)
            return True
        # from a worker that was given up, while the cell waits to be run elsewhere
        for waiting in (self._suspects, self._waiting[self._needs[name]]):
            if name in waiting:
                waiting.remove(name)
        return True

    def unfit(self) -> tuple[str, str] | None:
        """Give a cell that no worker can ever run, and what they lack; None where each suits one."""
        cells = {name: self._needs[name] for name in self._suspects}
        cells |= {names[0]: need for need, names in self._waiting.items() if names}
        for name, need in cells.items():
            if not any(self._suits(taken.seat, need) for taken in self._seats.values()):
                return name, self._lack(need)
        return None

    # --- inside ---

    def _lack(self, need: Need) -> str:
        if not self._seats:
            return "no worker is there"
        with_kvm = [seat for seat in self.seats if seat.kvm or not need.kvm]
        if not with_kvm:
            return f"KVM is asked for, and is proved on none of {len(self._seats)} workers"
        most = max(seat.memory_mib for seat in with_kvm)
        which = "workers with KVM" if need.kvm else "workers"
        return f"{need.memory_mib} MiB are needed, and the largest of {len(with_kvm)} {which} has {most} MiB"

    def _cores(self, need: Need) -> int:
        return min(need.cores, self._most_cores)

    def _suits(self, seat: Seat, need: Need) -> bool:
        enough = seat.cores >= self._cores(need) and seat.memory_mib >= need.memory_mib
        return enough and (seat.kvm or not need.kvm)

    def _room(self, taken: _Taken, need: Need) -> bool:
        cores = taken.seat.cores - sum(self._cores(each) for each in taken.running.values())
        memory = taken.seat.memory_mib - sum(each.memory_mib for each in taken.running.values())
        return self._suits(taken.seat, need) and cores >= self._cores(need) and memory >= need.memory_mib

    def _next(self, taken: _Taken, suits: Callable[[Need], bool]) -> Need | None:
        """The need whose first cell comes first in the plan, of those that suit."""
        if taken.alone or taken.drained:
            return None
        heads = [(self._order[names[0]], need) for need, names in self._waiting.items() if names and suits(need)]
        return min(heads, key=lambda head: head[0])[1] if heads else None

    def _suspect(self, taken: _Taken) -> str | None:
        """A suspect for an idle worker; one that is busy gets nothing new until it is idle, if it is needed."""
        if not self._suspects:
            taken.drained = False
            return None
        stored = self._stores.get(taken.seat.store, set())
        suited = [
            name
            for name in self._suspects
            if self._suits(taken.seat, self._needs[name]) and self._needs[name].artefacts <= stored
        ]
        others = sum(each.drained for each in self._seats.values() if each is not taken)
        taken.drained = bool(suited) and bool(taken.running) and others < len(self._suspects)
        if not suited or taken.running:
            return None
        taken.alone = True
        self._suspects.remove(suited[0])
        return suited[0]

    def _free(self, name: str) -> None:
        address = self._where.pop(name, None)
        taken = self._seats.get(address) if address else None
        if taken:
            del taken.running[name]
            taken.alone = False

    def _requeue(self, name: str) -> None:
        self._waiting[self._needs[name]].appendleft(name)
