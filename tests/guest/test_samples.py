# SPDX-License-Identifier: GPL-2.0-only
"""What is told of a guest while its workload runs, and what telling it costs."""

import dataclasses
import json
from itertools import pairwise

import pytest
from conftest import ROOT, report, tb, wait_for

from testbed.build import build_kernel
from testbed.machine.balloon import Balloon
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.machine.qemu import Icount
from testbed.run.benchoverhead import CMDLINE
from testbed.run.guard import Guard
from testbed.run.samples import SAMPLE_MS
from testbed.spec import resolve_kernel

COUNTERS = {"pagetables_kb", "vmpte_kb", "vmrss_kb", "cgroup_pagetables_kb"}
ROUNDS = 1500


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """All lines of a cell whose tables come page by page and go page by page."""
    out = tmp_path_factory.mktemp("runs")
    done = tb("run", "benign/dontneed-pieces", "--set", "piece=4KiB", "--kernel", "ptreclaim-6.12", "--out", out)
    assert done.code == 0, done.stderr
    (path,) = out.glob("*/cells/*/samples.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def between(told, first: str, last: str) -> list[int]:
    """VmPTE in kB at the first phase, in the samples up to the last phase, and at that."""
    at = {line["phase"]: number for number, line in enumerate(told) if line["type"] == "phase"}
    lines = [line for line in told[at[first] : at[last] + 1] if line["type"] in ("phase", "sample")]
    return [line["counters"]["vmpte_kb"] for line in lines]


def test_page_tables_are_seen_to_rise_to_the_peak_and_to_fall_from_it(told):
    rise, fall = between(told, "start", "peak"), between(told, "peak", "after")
    assert len(rise) >= 5
    assert rise == sorted(rise)
    assert len(set(rise)) >= 5
    assert len(fall) >= 5
    assert len(set(fall)) >= 5
    # a kernel that frees them as they become empty may make one anew for what runs meanwhile
    assert all(later <= earlier + 4 for earlier, later in pairwise(fall))


def test_every_line_has_its_time_and_a_sample_the_counters_of_a_curve(told):
    times = [line["t"] for line in told]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] < 120
    assert {frozenset(line["counters"]) for line in told if line["type"] == "sample"} == {frozenset(COUNTERS)}


def test_qemu_in_the_hosts_memory_grows_with_what_the_guest_touches(told):
    rss = [line["qemu_rss_kb"] for line in told if line["type"] == "outside"]
    assert len(rss) >= 5
    assert rss[-1] > rss[0] > 50_000


def test_balloon_tells_of_the_guests_memory(launch):
    with Machine(dataclasses.replace(launch, balloon=True), Guard()) as machine:
        machine.start(Deadline.after(60))
        balloon, news = Balloon(machine.qmp), []
        assert wait_for(lambda: news.append(balloon.news()) or news[-1] is not None, 20)
    figures = news[-1]
    assert 400 << 10 < figures["total_memory_kb"] <= 512 << 10
    assert 0 < figures["free_memory_kb"] < figures["total_memory_kb"]


@pytest.mark.parametrize("name", ["vanilla-6.12", "ptreclaim-6.12"])
def test_samples_take_less_than_a_hundredth_of_the_guests_instructions(launch, name):
    kernel = build_kernel(ROOT, resolve_kernel(ROOT, name), report)
    counting = dataclasses.replace(
        launch, accel="tcg", icount=Icount(0, sealed=True), kernel=kernel.bzimage, cmdline=CMDLINE
    )
    with Machine(counting, Guard()) as machine:
        machine.start(Deadline.after(120))
        # the first one also warms up the guest
        _, (without, none), (sampled, samples) = (steady(machine, ms) for ms in (0, 0, SAMPLE_MS))
    each = (sampled - without) / samples
    print(f"{name}: {each:,.0f} instructions a sample, {100 * (sampled - without) / without:.2f} % of {without:,}")
    assert none == 0
    assert samples >= 40
    assert 50_000 < each < 200_000
    assert sampled - without < 0.01 * without


def steady(machine: Machine, sample_ms: int) -> tuple[int, int]:
    """Give the instructions that a fixed amount of work took, and how many samples were taken meanwhile."""
    machine.send(
        ("cmd", "run"),
        ("name", "steady"),
        ("exec", "/workloads/steady"),
        ("arg", f"--rounds={ROUNDS}"),
        ("nonce", "n"),
        ("sample_ms", str(sample_ms)),
    )
    took, samples = 0, 0
    while (message := machine.receive(Deadline.after(120)))["type"] != "exit":
        samples += message["type"] == "sample"
        if message["type"] == "value":
            took = message["value"]
    assert message["status"] == 0
    return took, samples
