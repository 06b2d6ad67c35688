# SPDX-License-Identifier: GPL-2.0-only
"""A worker: one process a host that runs cells for whoever asks the scheduler, several guests at once.

There is no nanny. QEMU dies with the process that started it, so a worker that is killed leaves no guest; what started
the worker starts it again: systemd, Slurm, Kubernetes. Dask's own limit on memory is off, as guests are no objects of
Python.
"""

import asyncio
import logging
import platform
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Worker, WorkerPlugin

from testbed.errors import HostError
from testbed.machine.accel import Accel
from testbed.run.cluster.remote import end_all, end_one, own_source, under_way
from testbed.run.cluster.store import store_id
from testbed.run.cluster.wire import EXTRA

__all__ = ["Offer", "serve"]

# Beside the cells: artefacts are taken in by threads of their own.
SPARE_THREADS = 2
# A guest that is told to end does so in a second or two; its result has to be fetched as well.
ENDING_S = 10.0
ENDED = ("released", "cancelled", "forgotten")


@dataclass(frozen=True)
class Offer:
    """What a worker offers: cores, memory of all its guests in MiB, and the accelerator that was proved."""

    cores: int
    memory_mib: int
    accel: Accel

    @property
    def resources(self) -> dict[str, float]:
        """The resources in Dask's terms: each cell takes 1 of ``kvm``, so there are as many as cells can run."""
        return {"cores": self.cores, "memory": self.memory_mib, "kvm": self.cores if self.accel.kind == "kvm" else 0}


def serve(url: str, offer: Offer, name: str | None, wait_s: float, tell: Callable[[str], None]) -> None:
    """Work for a scheduler until it goes or a signal comes; HostError if it can't be reached in ``wait_s`` seconds."""
    logging.getLogger("distributed").setLevel(logging.ERROR)
    # else all threads are looked at a hundred times a second, beside guests whose time is taken
    dask.config.set({"distributed.worker.profile.enabled": False})
    with tempfile.TemporaryDirectory(prefix="testbed-worker-") as scratch:
        asyncio.run(_serve(url, offer, name, wait_s, scratch, tell))


class _Ender(WorkerPlugin):
    """Ends the guest of a cell that nobody waits for any more: its run was interrupted, or its orchestrator died."""

    name = "testbed"

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        if finish in ENDED:
            end_one(str(key))

    def teardown(self, worker: Worker) -> None:
        end_all()


async def _serve(url: str, offer: Offer, name: str | None, wait_s: float, scratch: str, tell: Any) -> None:
    told = {
        "source": own_source(),
        "store": store_id(),
        "host": platform.node(),
        "accel": offer.accel.kind,
        "reason": offer.accel.reason,
    }
    worker = Worker(
        url,
        nthreads=offer.cores + SPARE_THREADS,
        name=name,
        resources=offer.resources,
        memory_limit=0,
        local_directory=scratch,
        death_timeout=wait_s,
        startup_information={EXTRA: lambda _: told},
        plugins=(_Ender(),),
        dashboard=False,
    )
    try:
        await worker
    except (TimeoutError, OSError, ValueError) as error:
        raise HostError(f"{url}: no scheduler answers there ({error}); start one with: dask scheduler") from error
    kvm = "with KVM" if offer.accel.kind == "kvm" else f"by TCG ({offer.accel.reason})"
    tell(f"{worker.address}: works for {url}: {offer.cores} cores, {offer.memory_mib} MiB, {kvm}")
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    gone = asyncio.create_task(worker.finished())
    await asyncio.wait([gone, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    if gone.done():
        end_all()
        tell(f"{worker.address}: the scheduler is gone")
    elif under_way():
        await _hand_back()
    await worker.close(timeout=ENDING_S, reason="told to end")


async def _hand_back() -> None:
    """End the cells in order, so that they are run elsewhere and nobody takes them for the cause."""
    end_all()
    end = asyncio.get_running_loop().time() + ENDING_S
    while under_way() and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
