# SPDX-License-Identifier: GPL-2.0-only
import dataclasses

import pytest
from conftest import ROOT, report, tb

from testbed.errors import MeasureError
from testbed.machine.deadline import Deadline
from testbed.machine.machine import Machine
from testbed.measure.overhead import read_batches
from testbed.run.benchoverhead import bench_overhead
from testbed.run.guard import Guard
from testbed.spec import load_guest, resolve_kernel

FEW = ("fault", "read-zero", "dontneed-4k-sparse-below", "cycle-17")
# From the trial's figures in instructions (touch + DONTNEED 9,965 a cycle); a kernel built by another compiler differs.
PLAUSIBLE = {"fault": (5_000, 9_000), "cycle-17": (7_000, 13_000)}


def test_two_boots_agree_and_a_plain_kernel_keeps_every_empty_table():
    specs = [resolve_kernel(ROOT, "vanilla-6.12")]
    records = bench_overhead(ROOT, specs, load_guest(ROOT, "minimal"), report, FEW)
    found = {record["operation"]: record for record in records}
    assert tuple(found) == FEW
    assert {name: record["repeat_error"] for name, record in found.items() if record["repeat_error"] > 1e-3} == {}
    for name, (least, most) in PLAUSIBLE.items():
        assert least < found[name]["instructions"] < most
    assert found["cycle-17"]["kept"] == 17
    # clear_page() is all that a read of the shared zeropage does not do
    assert found["fault"]["instructions"] - found["read-zero"]["instructions"] > 4096


def test_command_gives_a_line_for_each_operation_and_judges_no_plain_kernel():
    done = tb("bench", "overhead", "--kernel", "vanilla-6.12", "--op", "read-zero", "--json")
    assert done.code == 0, done.stderr
    (record,) = done.records
    assert (record["accel"]["kind"], record["ratio"], record["within"]) == ("tcg", None, None)
    assert "-icount shift=0,sleep=off" in record["by_hand"]
    assert [len(boot) for boot in record["samples"]] == [3, 3]


def test_guest_whose_clock_counts_time_is_refused(launch):
    with Machine(dataclasses.replace(launch, accel="tcg"), Guard()) as machine:
        machine.start(Deadline.after(60))
        machine.send(
            ("cmd", "run"),
            ("name", "overhead"),
            ("exec", "/workloads/overhead"),
            ("arg", "--repeats=1"),
            ("arg", "--op=read-zero"),
            ("nonce", "n"),
        )
        values = []
        while (message := machine.receive(Deadline.after(120)))["type"] != "exit":
            if message["type"] == "value":
                values.append((message["key"], message["value"]))
    with pytest.raises(MeasureError, match="TSC does not count instructions"):
        read_batches(values)
