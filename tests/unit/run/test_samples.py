# SPDX-License-Identifier: GPL-2.0-only
import io
import json
import os
import time
from types import SimpleNamespace
from typing import Any, cast

from testbed.errors import QmpLost
from testbed.machine.machine import Machine
from testbed.run import samples
from testbed.run.samples import Samples

# Linux gives no pid above this (PID_MAX_LIMIT)
GONE = (1 << 22) + 1


def no_monitor(*_: Any, **__: Any) -> Any:
    raise QmpLost("no such device")


def machine(pid: int | None) -> Machine:
    return cast(Machine, SimpleNamespace(pid=pid, qmp=SimpleNamespace(execute=no_monitor)))


def lines(file: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_time_counts_from_the_start_of_the_workload_in_seconds():
    file = io.StringIO()
    noted = Samples(file, machine(None))
    time.sleep(0.03)
    noted.note({"type": "heartbeat", "uptime_ms": 1234})
    (line,) = lines(file)
    assert (line["type"], line["uptime_ms"]) == ("heartbeat", 1234)
    assert 0.03 <= line["t"] < 1
    assert line["t"] == round(line["t"], 3)


def test_qemu_is_looked_at_once_in_an_interval(monkeypatch):
    monkeypatch.setattr(samples, "OUTSIDE_S", 0.02)
    file = io.StringIO()
    noted = Samples(file, machine(os.getpid()))
    noted.look()
    assert lines(file) == []
    time.sleep(0.025)
    noted.look()
    noted.look()
    (line,) = lines(file)
    assert (line["type"], line["balloon"]) == ("outside", None)
    # this very process stands for QEMU
    assert 10_000 < line["qemu_rss_kb"] < 10_000_000


def test_qemu_that_is_gone_is_no_error_here(monkeypatch):
    monkeypatch.setattr(samples, "OUTSIDE_S", 0.0)
    file = io.StringIO()
    Samples(file, machine(GONE)).look()
    assert lines(file) == []
