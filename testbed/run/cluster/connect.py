# SPDX-License-Identifier: GPL-2.0-only
"""From ``--cluster`` to a client of a scheduler: one that runs somewhere, or one of our own with worker processes."""

import importlib.util
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import testbed
from testbed.build import Progress
from testbed.errors import HostError, SpecError
from testbed.machine.sockets import socket_folder
from testbed.run.cluster.share import shares

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["check_extra", "check_url", "connected"]

REACH_S = 10.0
STEP = "cluster"
_URL = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:[0-9]+")
_LOCAL = re.compile(r"local:([1-9][0-9]*)")
# A worker that proves its accelerator anew boots a guest or two.
COME_UP_S = 120.0
END_S = 15.0
# Started by us, so it dies with us; a session of its own keeps a terminal's ^C from it.
GUARD = ("setpriv", "--pdeathsig", "KILL", "--")


def check_extra() -> None:
    """HostError where the packages for a cluster are not installed."""
    if importlib.util.find_spec("distributed") is None:
        raise HostError('a cluster needs the package distributed; pip install "testbed[cluster]"')


def check_url(url: str) -> int | None:
    """Give N of ``local:N``, None for a scheduler's address; SpecError for anything else."""
    local = _LOCAL.fullmatch(url)
    if local:
        return int(local[1])
    if not _URL.fullmatch(url):
        raise SpecError(f"--cluster {url}: write tcp://HOST:PORT (or tls://) of a Dask scheduler, or local:4")
    return None


@contextmanager
def connected(url: str, progress: Progress) -> Iterator["Client"]:
    """Give a client of the scheduler; of ``local:N`` the N workers are started before and ended after.

    HostError where no scheduler answers, or a worker of our own does not come up.
    """
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    count = check_url(url)
    with ExitStack() as stack:
        address = url if count is None else stack.enter_context(_local_cluster(count, progress))
        progress(STEP, f"connect to {address}")
        try:
            client = stack.enter_context(Client(address, timeout=REACH_S, set_as_default=False))
        except (OSError, ValueError) as error:
            raise HostError(f"--cluster {url}: no scheduler answers there; start one with: dask scheduler") from error
        yield client


@contextmanager
def _local_cluster(count: int, progress: Progress) -> Iterator[str]:
    from distributed import LocalCluster

    with (
        socket_folder() as logs,
        LocalCluster(
            n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
    ):
        progress(STEP, f"start {count} workers")
        with _workers(cluster.scheduler_address, count, logs) as workers:
            end = time.monotonic() + COME_UP_S
            while len(cluster.scheduler_info["workers"]) < count:
                _check(workers, logs)
                if time.monotonic() > end:
                    raise HostError(
                        f"--cluster local:{count}: not all workers came up in {COME_UP_S:.0f} s; ./tb doctor"
                    )
                time.sleep(0.1)
            yield cluster.scheduler_address


@contextmanager
def _workers(address: str, count: int, logs: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start worker processes that share this host, and end them in order."""
    started: list[subprocess.Popen[bytes]] = []
    # the very code that runs here, wherever it was started from
    path = os.pathsep.join([str(Path(testbed.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    try:
        for number, (cores, memory_mib) in enumerate(shares(count)):
            argv = [*GUARD, sys.executable, "-m", "testbed", "worker", address, "--name", f"local-{number}"]
            argv += ["--cores", str(cores), "--memory", f"{memory_mib}MiB"]
            with (logs / f"{number}.log").open("wb") as log:
                started.append(
                    subprocess.Popen(
                        argv,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                        env={**os.environ, "PYTHONPATH": path},
                    )
                )
        yield started
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            try:
                worker.wait(END_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _check(workers: list[subprocess.Popen[bytes]], logs: Path) -> None:
    """HostError with its last words if a worker ended before its time."""
    for number, worker in enumerate(workers):
        if worker.poll() is not None:
            lines = (logs / f"{number}.log").read_text(errors="replace").strip().splitlines()
            raise HostError(f"a worker ended with {worker.returncode}: {lines[-1] if lines else 'it said nothing'}")
