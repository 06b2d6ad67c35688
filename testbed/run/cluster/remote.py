# SPDX-License-Identifier: GPL-2.0-only
"""What runs at a worker: look for an artefact, take one in, run a cell. Each is the function of a Dask task."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

from testbed.build import silent
from testbed.build.cache import work_folder
from testbed.errors import HostError
from testbed.run.cluster.store import find, install
from testbed.run.cluster.wire import Artefact, Order, Outcome, pack, source_digest
from testbed.run.retry import run_job
from testbed.run.where import accelerator

__all__ = [
    "end_all",
    "end_one",
    "has_artefact",
    "own_source",
    "run_order",
    "take_artefact",
    "under_way",
]

_cancelled: dict[str, threading.Event] = {}


@cache
def own_source() -> str:
    """The hash of the code that this process runs, read once: the files may change while it lives."""
    return source_digest()


def has_artefact(artefact: Artefact) -> bool:
    """Whether the worker's cache has it."""
    return find(artefact) is not None


def take_artefact(artefact: Artefact, chunks: Sequence[bytes]) -> bool:
    """Take an artefact into the worker's cache."""
    install(artefact, chunks)
    return True


def run_order(order: Order, key: str) -> Outcome:
    """Run a cell here; ``key`` is the task's, by which it is ended.

    Raises HostError where this host can't run it, OSError where its disk is full.
    """
    if order.source != own_source():
        raise HostError(f"this worker runs another testbed ({own_source()}) than the run ({order.source})")
    kernel, guest = find(order.kernel), find(order.guest)
    if kernel is None or guest is None:
        raise HostError("the kernel or the guest has gone from this worker's cache")
    accel = accelerator(order.accel, order.require_kvm, silent)
    job = order.job
    bzimage, vmlinux = job.kernel.bzimage.name, job.kernel.vmlinux.name
    with cancellable(key) as cancelled, work_folder() as folder:
        here = replace(
            job,
            kernel=replace(job.kernel, path=kernel, bzimage=kernel / bzimage, vmlinux=kernel / vmlinux),
            guest=replace(job.guest, initramfs=guest / job.guest.initramfs.name),
            accel=accel,
            folder=folder,
        )
        result = run_job(here, cancelled)
        return Outcome(None) if cancelled.is_set() else Outcome(result, pack(folder))


@contextmanager
def cancellable(key: str) -> Iterator[threading.Event]:
    """Give what is set when the cell of this task is to end now."""
    event = _cancelled[key] = threading.Event()
    try:
        yield event
    finally:
        del _cancelled[key]


def end_one(key: str) -> None:
    """End the cell of a task, if it runs here."""
    event = _cancelled.get(key)
    if event is not None:
        event.set()


def end_all() -> None:
    """End all cells that run here."""
    for event in list(_cancelled.values()):
        event.set()


def under_way() -> int:
    """How many cells run here."""
    return len(_cancelled)
