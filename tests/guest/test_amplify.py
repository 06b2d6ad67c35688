# SPDX-License-Identifier: GPL-2.0-only
"""What makes a race more likely does so in real guests: waits in the kernel, few CPUs, counted instructions."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, report

from testbed.build import build_guest, build_kernel
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.run.cell import Job, run_cell
from testbed.run.guard import Guard
from testbed.run.plan import Cell
from testbed.run.reproduce.amplify import amplified
from testbed.run.reproduce.reproduce import subject_of
from testbed.spec import Amplify, BugSpec, load_bug

BUG = ROOT / "tests" / "guest" / "amplify" / "timed.yaml"
COUNTED = Amplify(icount=(0,))
DELAYED = replace(COUNTED, udelay={"do_madvise": 200})
US = 1000


@pytest.fixture
def attempt(accel, tmp_path):
    """Run an attempt at the bug with some amplifiers; gives its record. ``amplify_as`` chooses another kernel."""
    if accel.kind != "tcg":
        pytest.skip("TCG alone counts instructions")

    def run(
        amplify: Amplify, amplify_as: Amplify | None = None, deadline_s: float | None = None, **params: str
    ) -> dict:
        bug: BugSpec = replace(load_bug(ROOT, BUG), amplify=amplify)
        subject = subject_of(ROOT, bug, bug.kernels[0], params)
        scenario = replace(subject.scenario, deadline_s=deadline_s) if deadline_s else subject.scenario
        kernel, _ = amplified(ROOT, bug.kernels[0], subject.guest, amplify_as or amplify)
        built = build_kernel(ROOT, kernel, report), build_guest(ROOT, subject.guest, report)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        cell = Cell(kernel, subject.guest, scenario, 1, bug)
        return run_cell(Job(cell, *built, accel, "amplify", folder), threading.Event()).record()

    return run


@pytest.mark.night  # builds a kernel
def test_wait_at_a_function_makes_its_calls_longer_by_as_much(attempt):
    plain, waited = attempt(COUNTED, amplify_as=DELAYED), attempt(DELAYED)
    assert (plain["verdict"], waited["verdict"]) == ("done", "done"), (plain["reason"], waited["reason"])
    longer = (waited["values"]["ns"] - plain["values"]["ns"]) / US
    print(f"a call of {plain['values']['ns'] / US:.1f} us takes {longer:.1f} us longer")
    assert 180 < longer < 220
    assert waited["amplified"] == {"udelay": {"do_madvise": 200}, "icount": (0,), "shift": 0}
    assert plain["kernel"]["name"] == waited["kernel"]["name"] == "vanilla-6.12"
    assert waited["kernel"]["patchset_hash"]


@pytest.mark.night  # the same kernel
def test_wait_that_could_not_be_set_is_an_error_that_says_why_and_nothing_is_measured(attempt):
    record = attempt(Amplify(udelay={"do_madvise": 200, "no_such_function": 5, "int3_exception_notify": 5}))
    assert record["verdict"] == "error"
    assert "delay point no_such_function could not be set: no such function" in record["reason"]
    assert "do_madvise" not in record["reason"]
    assert record["phases"] == {}


def test_kernel_without_the_patch_does_not_run_as_if_it_waited(attempt):
    record = attempt(DELAYED, amplify_as=Amplify())
    assert record["verdict"] == "error"
    assert "delay point do_madvise could not be set: the kernel says nothing of it" in record["reason"]


def test_guest_has_the_vcpus_that_the_bug_asks_for(attempt):
    record = attempt(Amplify(vcpus=3, icount=(1,)))
    assert record["verdict"] == "done", record["reason"]
    assert record["guest"]["vcpus"] == record["values"]["cpus"] == 3
    assert record["amplified"] == {"vcpus": 3, "icount": (1,), "shift": 1}


def test_vcpus_share_one_cpu_of_the_host_and_qemus_other_threads_do_not(launch):
    with Machine(replace(launch, vcpus=2, host_cpus=1), Guard()) as machine:
        machine.start(Deadline.after(90))
        vcpus = {each["thread-id"] for each in machine.qmp.execute("query-cpus-fast")}
        assert len(vcpus) == 2
        (chosen,) = {frozenset(os.sched_getaffinity(thread)) for thread in vcpus}
        assert len(chosen) == 1
        others = {int(task.name) for task in Path(f"/proc/{machine.pid}/task").iterdir()} - vcpus
        assert {frozenset(os.sched_getaffinity(thread)) for thread in others} == {frozenset(os.sched_getaffinity(0))}


@pytest.mark.parametrize("shift", [0, 4])
def test_guest_that_counts_instructions_is_held_to_its_deadline_by_the_hosts_clock(attempt, shift):
    began = time.monotonic()
    record = attempt(Amplify(icount=(shift,)), deadline_s=2, calls=str(10**9))
    assert record["verdict"] == "hang", record["reason"]
    assert "the workload was not done in 12 s, the agent is alive" in record["reason"]
    assert time.monotonic() - began < 90
