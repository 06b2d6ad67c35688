# SPDX-License-Identifier: GPL-2.0-only
"""Who works for a scheduler now, by what each worker told of itself when it registered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distributed import Client

from testbed.run.cluster.ledger import Seat
from testbed.run.cluster.wire import EXTRA

__all__ = ["Member", "roster", "strangers"]


@dataclass(frozen=True)
class Member:
    """A worker of ours; ``source`` is the hash of its code, ``accel`` what it proved."""

    seat: Seat
    source: str
    accel: str
    reason: str


def roster(client: Client) -> dict[str, Member] | None:
    """Give the workers of ours by address, those of other programs left out; None where the scheduler is away."""
    if client.status != "running":
        return None
    workers: Mapping[str, Mapping[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return {address: _member(address, told) for address, told in workers.items() if isinstance(told.get(EXTRA), dict)}


def strangers(members: Mapping[str, Member], source: str) -> list[Member]:
    """Give those that run other code than ours."""
    return [member for member in members.values() if member.source != source]


def _member(address: str, told: Mapping[str, Any]) -> Member:
    ours, resources = told[EXTRA], told["resources"]
    seat = Seat(
        address=address,
        host=ours["host"],
        store=ours["store"],
        cores=int(resources["cores"]),
        memory_mib=int(resources["memory"]),
        kvm=resources["kvm"] > 0,
    )
    return Member(seat, ours["source"], ours["accel"], ours["reason"])
