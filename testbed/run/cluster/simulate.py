# SPDX-License-Identifier: GPL-2.0-only
"""How much of a cluster one scheduler and one orchestrator carry: real ones, with cells that boot nothing.

Workers are real to the scheduler, hundreds of them in one process. Each cell gives back files as large as a real one's,
and its record is written as that of a real one. What is measured is the processor time of each part for a cell, which
does not depend on how many cores this host has to share among them.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import dask
import psutil
from distributed import Client, Scheduler, Worker

from testbed.build import GuestImage, KernelImage, Progress, silent
from testbed.errors import HostError
from testbed.machine.accel import Accel
from testbed.run.cell import Job
from testbed.run.cluster.dispatch import Dispatch
from testbed.run.cluster.executor import run_apart
from testbed.run.cluster.ledger import Ledger, Need
from testbed.run.cluster.orders import orders
from testbed.run.cluster.remote import own_source
from testbed.run.cluster.store import store_id
from testbed.run.cluster.wire import EXTRA, Order, Outcome, pack
from testbed.run.plan import Request, plan
from testbed.run.skipped import unrun
from testbed.store.folder import RunFolder

__all__ = ["Load", "simulate"]

KERNELS = ("vanilla-6.12", "ptreclaim-6.12")
SCENARIO = "malicious/pte-flood"
PROCESSES = 2
GUESTS_AT_ONCE = 4
UP_S = 300.0


@dataclass(frozen=True)
class Load:
    """What a run cost: seconds of processor time a cell in each part, bytes, and cells a second on this host."""

    cells: int
    workers: int
    result_bytes: int
    wall_s: float
    scheduler_cpu_s: float
    orchestrator_cpu_s: float
    workers_cpu_s: float
    scheduler_mib: int
    orchestrator_mib: int

    @property
    def cells_per_s(self) -> float:
        """What was reached here, all parts sharing this host."""
        return self.cells / self.wall_s

    @property
    def most_cells_per_s(self) -> float:
        """What the busier of scheduler and orchestrator carries if it has a core of its own."""
        return self.cells / max(self.scheduler_cpu_s, self.orchestrator_cpu_s)


def simulate(root: Path, cells: int, workers: int, result_kib: int, progress: Progress) -> Load:
    """Run so many cells on so many workers, and give what it cost. HostError where the workers don't come up."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="testbed-load-") as name, ExitStack() as stack:
        folder = Path(name)
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        scheduler = stack.enter_context(_process(spawn.Process(target=_be_scheduler, args=(theirs,), daemon=True)))
        address = ours.recv()
        share = [workers // PROCESSES + (number < workers % PROCESSES) for number in range(PROCESSES)]
        hosts = [
            stack.enter_context(_process(spawn.Process(target=_be_workers, args=(address, count), daemon=True)))
            for count in share
        ]
        client = stack.enter_context(Client(address, set_as_default=False))
        _wait_for(client, workers, progress)
        jobs, request, run = _jobs(root, cells, folder)
        return _measure(client, jobs, request, run, result_kib, scheduler, hosts, workers, progress)


def _measure(
    client: Client,
    jobs: Sequence[Job],
    request: Request,
    run: RunFolder,
    result_kib: int,
    scheduler: BaseProcess,
    hosts: Sequence[BaseProcess],
    workers: int,
    progress: Progress,
) -> Load:
    made, artefacts = orders(jobs, request)
    needs = {
        name: Need(1, 1024, False, frozenset((each.kernel.digest, each.guest.digest))) for name, each in made.items()
    }
    done = 0

    def finished(_: Any) -> None:
        nonlocal done
        done += 1
        if done % 100 == 0:
            progress("cells", f"{done}/{len(jobs)}")

    dispatch = Dispatch(
        client,
        Ledger(needs),
        made,
        artefacts,
        lambda *begun: run.attempt_all([job.cell.name for job in begun]),
        lambda *results: run.append(*(result.record() for result in results)),
        silent,
        partial(fake_cell, kib=result_kib),
    )
    before = [_cpu_s(scheduler.pid), _cpu_s(os.getpid()), sum(_cpu_s(host.pid) for host in hosts)]
    began = time.monotonic()
    run_apart(dispatch.work, dispatch.cancelled, finished, dispatch.results)
    wall = time.monotonic() - began
    after = [_cpu_s(scheduler.pid), _cpu_s(os.getpid()), sum(_cpu_s(host.pid) for host in hosts)]
    used = [round(now - then, 3) for now, then in zip(after, before, strict=True)]
    return Load(
        cells=len(jobs),
        workers=workers,
        result_bytes=len(_files(result_kib)),
        wall_s=round(wall, 3),
        scheduler_cpu_s=used[0],
        orchestrator_cpu_s=used[1],
        workers_cpu_s=used[2],
        scheduler_mib=_mib(scheduler.pid),
        orchestrator_mib=_mib(os.getpid()),
    )


def fake_cell(order: Order, key: str, kib: int) -> Outcome:
    """Give a result as a worker does, at once."""
    job = order.job
    return Outcome(unrun(job.cell, job.run, Accel("tcg", "simulated"), "pass", "simulated"), _files(kib))


@cache
def _files(kib: int) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "console.log").write_bytes(os.urandom(kib << 10))
        return pack(Path(name))


def _jobs(root: Path, cells: int, folder: Path) -> tuple[list[Job], Request, RunFolder]:
    """Give jobs on artefacts of a few bytes, in a run's folder as ``conduct`` makes it."""
    request = Request(root, (SCENARIO,), KERNELS, repeat=-(-cells // len(KERNELS)))
    planned = plan(request)[:cells]
    run = RunFolder.create(folder / "runs", {"cells": [cell.name for cell in planned]})
    images = {}
    for name in KERNELS:
        place = folder / name
        place.mkdir()
        for file in ("bzImage", "vmlinux", "System.map"):
            (place / file).write_text(f"{file} of {name}")
        parts = (place / "bzImage", place / "vmlinux", place / "config")
        images[name] = KernelImage(name, "simulated", place, *parts, None, "", "", "", "", True)
    (folder / "initramfs").write_text("of a guest")
    guest = GuestImage("minimal", folder / "initramfs", "simulated", True)
    accel = Accel("tcg", "simulated")
    jobs = [Job(cell, images[cell.kernel.name], guest, accel, run.id, run.cell(cell.name)) for cell in planned]
    return jobs, request, run


def _wait_for(client: Client, workers: int, progress: Progress) -> None:
    end = time.monotonic() + UP_S
    while (there := len(client.scheduler_info(n_workers=-1)["workers"])) < workers:
        progress("cluster", f"{there}/{workers} workers")
        if time.monotonic() > end:
            raise HostError(f"only {there} of {workers} workers came up in {UP_S:.0f} s; ask for fewer: --workers")
        time.sleep(0.5)


# --- the other processes ---


def _be_scheduler(pipe: Any) -> None:
    async def serve() -> None:
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
            pipe.send(scheduler.address)
            await scheduler.finished()

    _alone(serve)


def _be_workers(address: str, count: int) -> None:
    told = {"source": own_source(), "store": store_id(), "host": "simulated", "accel": "tcg", "reason": "simulated"}
    resources: dict[str, float] = {"cores": GUESTS_AT_ONCE, "memory": GUESTS_AT_ONCE * 1024, "kvm": 0}

    async def serve(scratch: str) -> None:
        async with contextlib.AsyncExitStack() as stack:
            workers = [
                await stack.enter_async_context(
                    Worker(
                        address,
                        nthreads=GUESTS_AT_ONCE,
                        resources=resources,
                        memory_limit=0,
                        local_directory=scratch,
                        startup_information={EXTRA: lambda _: told},
                        dashboard=False,
                    )
                )
                for _ in range(count)
            ]
            await asyncio.gather(*(worker.finished() for worker in workers))

    dask.config.set({"distributed.worker.profile.enabled": False})  # as a real worker does
    with tempfile.TemporaryDirectory(prefix="testbed-load-") as scratch:
        _alone(partial(serve, scratch))


def _alone(serve: Any) -> None:
    """Run in a process that takes no notice of a terminal's ^C: its parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.suppress(Exception):
        asyncio.run(serve())


@contextmanager
def _process(process: BaseProcess) -> Iterator[BaseProcess]:
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _cpu_s(pid: int | None) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _mib(pid: int | None) -> int:
    return int(psutil.Process(pid).memory_info().rss) >> 20
