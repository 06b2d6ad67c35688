# SPDX-License-Identifier: GPL-2.0-only
"""Worker processes of their own, and cells that boot nothing: what a test of the cluster needs besides a scheduler.

Workers import this module, so it names no fixture.
"""

import multiprocessing
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from distributed import Client, LocalCluster

from testbed.build import GuestImage, KernelImage
from testbed.machine.accel import Accel
from testbed.run.cell import Job
from testbed.run.cluster import worker as serving
from testbed.run.cluster.dispatch import Dispatch
from testbed.run.cluster.executor import Cluster, run_apart
from testbed.run.cluster.ledger import Ledger, Need
from testbed.run.cluster.orders import orders
from testbed.run.cluster.remote import cancellable
from testbed.run.cluster.store import find
from testbed.run.cluster.wire import Outcome, pack
from testbed.run.cluster.worker import Offer
from testbed.run.plan import Request, plan
from testbed.run.skipped import unrun
from testbed.store.folder import RunFolder

ROOT = Path(__file__).resolve().parents[4]
# Workers are forked from a process that has imported all this once.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["testbed.run.cluster.dispatch", "testbed.run.cluster.worker"])
CELLS_AT_ONCE = 2


def quiet(step: str, what: str) -> None:
    pass


def fake_cell(order, key) -> Outcome:
    """What a worker does in place of a cell; its name, and what the workload's span says, tell how it ends."""
    assert find(order.kernel) is not None
    assert find(order.guest) is not None
    name, log = order.job.cell.name, Path(os.environ["FAKE_LOG"])
    with log.open("a") as sink:
        sink.write(f"{os.getpid()} {name}\n")
    behaviour = os.environ.get("FAKE", "")
    if behaviour == f"kills {name}":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == f"raises {name}":
        raise ZeroDivisionError("of its own")
    if behaviour == "full" and log.with_name("full").exists() is False:
        log.with_name("full").touch()
        raise OSError(28, "No space left on device")
    if behaviour == "patient":
        while not log.with_name("company").exists():
            time.sleep(0.05)
    with cancellable(key) as cancelled:
        if cancelled.wait(30 if behaviour == "slow" else 0.15):
            with log.open("a") as sink:
                sink.write(f"{os.getpid()} ended {name}\n")
            return Outcome(None)
    folder = log.with_name(f"files-{os.getpid()}-{order.job.cell.attempt}-{order.job.cell.kernel.name}")
    (folder / "first").mkdir(parents=True, exist_ok=True)
    (folder / "console.log").write_text(f"this is {name}\n")
    (folder / "first" / "by-hand.txt").write_text("# of the worker\n")
    (folder / "empty").write_text("")
    return Outcome(unrun(order.job.cell, order.job.run, Accel("tcg", "fake"), "pass", str(os.getpid())), pack(folder))


@dataclass
class Hosts:
    """A scheduler in this process and workers in others, each of which may have a cache of its own."""

    tmp: Path
    client: Client
    scheduler: LocalCluster
    address: str
    stack: ExitStack
    log: Path

    def start(self, cache: str = "", cores: int = CELLS_AT_ONCE, memory: int = 16384, source: str = "same", fake=""):
        """Start a worker on the host whose cache is called so; returns when it is there."""
        before = len(self.client.scheduler_info(n_workers=-1)["workers"])
        place = {"TESTBED_CACHE": str(self.tmp / (cache or "cache")), "FAKE_LOG": str(self.log), "FAKE": fake}
        offer = Offer(cores, memory, Accel("tcg", "said so"))
        worker = FORKS.Process(target=work, args=(self.address, offer, place, source), daemon=True)
        worker.start()
        self.stack.callback(end, worker)
        deadline = time.monotonic() + 30
        while len(self.client.scheduler_info(n_workers=-1)["workers"]) == before:
            assert worker.is_alive(), "the worker ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return worker

    def ran(self) -> list[str]:
        return [line.partition(" ")[2] for line in self.log.read_text().splitlines()]


def work(address: str, offer: Offer, place: dict[str, str], source: str) -> None:
    """Be a worker."""
    os.environ |= place
    if source != "same":
        serving.own_source = lambda: source
    serving.serve(address, offer, None, 30, lambda line: None)


def end(worker) -> None:
    worker.terminate()
    worker.join(20)
    if worker.is_alive():
        worker.kill()
        worker.join()


def hosts(tmp: Path, stack: ExitStack) -> Hosts:
    scheduler = stack.enter_context(
        LocalCluster(n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address="127.0.0.1:0")
    )
    client = stack.enter_context(Client(scheduler.scheduler_address, set_as_default=False))
    log = tmp / "ran.log"
    log.touch()
    return Hosts(tmp, client, scheduler, scheduler.scheduler_address, stack, log)


class Run:
    """A run of cells on two kernels, whose artefacts are a few bytes."""

    def __init__(self, tmp: Path, repeat: int) -> None:
        self.request = Request(ROOT, ("malicious/pte-flood",), ("vanilla-6.12", "ptreclaim-6.12"), repeat=repeat)
        self.cells = plan(self.request)
        names = [cell.name for cell in self.cells]
        self.folder = RunFolder.create(tmp / "runs", {"cells": names})
        kernels = {name: kernel_image(tmp / "built" / name, name) for name in self.request.kernels}
        guest = tmp / "built" / "guest"
        guest.mkdir()
        (guest / "initramfs.cpio.gz").write_bytes(b"a guest")
        image = GuestImage("minimal", guest / "initramfs.cpio.gz", "g" * 64, True)
        accel = Accel("tcg", "placeholder")
        self.jobs = [
            Job(cell, kernels[cell.kernel.name], image, accel, self.folder.id, self.folder.cell(cell.name))
            for cell in self.cells
        ]
        self.told = []

    def on(self, client: Client, at_once: int | None = None, finished=None) -> Dispatch:
        """Run all of it; what ``Cluster.run`` does, with fake cells."""
        made, artefacts = orders(self.jobs, self.request)
        needs = {
            name: Need(1, 1024, False, frozenset((order.kernel.digest, order.guest.digest)))
            for name, order in made.items()
        }
        dispatch = Dispatch(
            client,
            Ledger(needs, at_once),
            made,
            artefacts,
            lambda *jobs: self.folder.attempt_all([job.cell.name for job in jobs]),
            lambda *results: self.folder.append(*(result.record() for result in results)),
            quiet,
            fake_cell,
        )
        run_apart(dispatch.work, dispatch.cancelled, finished or self.told.append, dispatch.results)
        return dispatch

    def verdicts(self) -> dict[str, str]:
        records = self.folder.records()
        names = [record["cell"] for record in records]
        assert len(names) == len(set(names)), "a cell has two records"
        return {record["cell"]: record["verdict"] for record in records}


def kernel_image(folder: Path, name: str) -> KernelImage:
    folder.mkdir(parents=True)
    for file in ("bzImage", "vmlinux", "System.map", "config"):
        (folder / file).write_bytes(f"{file} of {name}".encode() * 1000)
    parts = (folder / "bzImage", folder / "vmlinux", folder / "config")
    return KernelImage(name, "6.12", folder, *parts, None, "c", "b", "6.12", "gcc", True)


__all__ = ["CELLS_AT_ONCE", "Cluster", "Hosts", "Run", "fake_cell", "hosts", "kernel_image", "quiet"]
