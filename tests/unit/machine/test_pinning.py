# SPDX-License-Identifier: GPL-2.0-only
"""vCPU threads on few of the host's CPUs; sleeping processes stand for the threads."""

import os
import subprocess

import pytest

from testbed.errors import LaunchFailed
from testbed.machine.pinning import pin_vcpus


class Monitor:
    def __init__(self, *threads: int) -> None:
        self.threads = threads

    def execute(self, command: str) -> list[dict]:
        assert command == "query-cpus-fast"
        return [{"cpu-index": index, "thread-id": thread} for index, thread in enumerate(self.threads)]


@pytest.fixture
def sleepers():
    started = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    yield [each.pid for each in started]
    for each in started:
        each.kill()
        each.wait()


def test_all_vcpus_share_one_cpu_of_the_host(sleepers):
    (chosen,) = pin_vcpus(Monitor(*sleepers), 7, 1)
    assert [os.sched_getaffinity(pid) for pid in sleepers] == [{chosen}] * 2


def test_guests_that_run_at_once_begin_at_different_cpus(sleepers):
    ours = sorted(os.sched_getaffinity(0))
    chosen = {pin_vcpus(Monitor(*sleepers), pid, 1) for pid in range(len(ours))}
    assert chosen == {(cpu,) for cpu in ours}


def test_more_cpus_than_are_ours_is_no_launch():
    have = len(os.sched_getaffinity(0))
    with pytest.raises(LaunchFailed, match=f"can't be pinned to {have + 1} of the host's CPUs: {have} are ours"):
        pin_vcpus(Monitor(), 1, have + 1)


def test_thread_that_is_gone_is_no_launch(sleepers):
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(LaunchFailed, match="No such process"):
        pin_vcpus(Monitor(gone.pid), 1, 1)
