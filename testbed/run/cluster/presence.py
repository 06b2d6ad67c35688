# SPDX-License-Identifier: GPL-2.0-only
"""Who is there while a run is under way: workers come, die, go in order, or are used no more."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from distributed import Client

from testbed.build import Progress
from testbed.errors import HostError
from testbed.run.cluster.ledger import Ledger
from testbed.run.cluster.remote import own_source
from testbed.run.cluster.roster import Member, roster

__all__ = ["Change", "Presence"]

# So often the scheduler is asked, and no more of its time than this share goes into the answers.
LOOK_S, LOOK_SHARE = 0.5, 0.05
# A cluster may shrink to nothing and come back, as those of Slurm and Kubernetes do.
NOBODY_S = 120.0
STEP = "cluster"
TOLD = 3


@dataclass(frozen=True)
class Change:
    """Addresses of workers that are gone, whether they died, and whether others came."""

    gone: Sequence[str] = ()
    died: bool = True
    came: bool = False


class Presence:
    """Keeps the ledger's workers those that are there."""

    def __init__(self, client: Client, ledger: Ledger, progress: Progress) -> None:
        self._client, self._ledger, self._progress = client, ledger, progress
        self._out: dict[str, str] = {}
        self._again = 0.0
        self._stuck_since: float | None = None

    def look(self, busy: bool) -> Change:
        """Let those who came join the ledger and give those who are gone, which the caller strikes out.

        HostError where no worker is ``busy``, and for two minutes nobody was there to whom a cell that is left
        could go.
        """
        began = time.monotonic()
        if began < self._again:
            return Change()
        members = roster(self._client)
        now = time.monotonic()
        self._again = now + max(LOOK_S, (now - began) / LOOK_SHARE)
        known = {seat.address for seat in self._ledger.seats}
        came = [member for address, member in (members or {}).items() if address not in known]
        joined = [self._join(member) for member in came if member.seat.address not in self._out]
        self._give_up_if_stuck(busy, now)
        # a scheduler that is away says nothing against the cells
        return Change(sorted(known - set(members or {})), members is not None, any(joined))

    def put_out(self, address: str, reason: str) -> None:
        """Take a worker in no more while this run lasts."""
        seats = (seat.host for seat in self._ledger.seats if seat.address == address)
        self._out[address] = f"the worker on {next(seats, address)} is not used any more: {reason}"
        self._progress(STEP, self._out[address])

    def _join(self, member: Member) -> bool:
        if member.source != own_source():
            self._out[member.seat.address] = f"the worker on {member.seat.host} runs another testbed"
            self._progress(STEP, self._out[member.seat.address])
            return False
        self._ledger.join(member.seat)
        return True

    def _give_up_if_stuck(self, busy: bool, now: float) -> None:
        unfit = None if busy else self._ledger.unfit()
        if unfit is None:
            self._stuck_since = None
            return
        name, lack = unfit
        self._stuck_since = self._stuck_since or now
        if now - self._stuck_since > NOBODY_S:
            told = "".join(f"; {why}" for why in list(self._out.values())[:TOLD])
            raise HostError(f"nobody is left to run {name}: {lack}{told}")
        self._progress(STEP, f"waits for a worker: {lack}")
