# SPDX-License-Identifier: GPL-2.0-only
"""A physical machine before a cell starts on it: who holds it, what is missing, and which cells it is not to run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial_bench import Bench, machine_file
from typer.testing import CliRunner

from testbed.cli.app import app
from testbed.errors import HostError
from testbed.machine.accel import Accel
from testbed.run import conduct
from testbed.run.blame import BLAMED_AFTER, blamed
from testbed.run.metal import PATIENCE, Patience, metal_boot, take_machine, too_small
from testbed.run.plan import Request, plan
from testbed.run.resume import reopen
from testbed.run.skipped import skipped
from testbed.store.folder import RunFolder
from testbed.store.record import CellResult

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path / "cache"))
    bench = Bench()
    yield bench
    bench.close()


def request(file: Path, **changes) -> Request:
    return Request(ROOT, ("benign/dontneed-loop",), ("vanilla-6.12",), repeat=2, machine=str(file), **changes)


def test_machine_is_held_by_one_run_until_that_one_is_over(bench, tmp_path):
    file = machine_file(tmp_path, bench.near)
    first = take_machine(ROOT, str(file))
    with pytest.raises(HostError, match="machine lab7: another run has it; wait for its end, or name another machine"):
        take_machine(ROOT, str(file))
    assert first.accel.kind == "metal"
    del first
    assert take_machine(ROOT, str(file)).spec.name == "lab7"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"console": "{line: /dev/none, tty: ttyS0}"}, "machine lab7: /dev/none: No such file .*plugged in"),
        ({"console": "{line: /dev/null, tty: ttyS0}"}, "machine lab7: /dev/null: no serial line"),
        ({"console": "{line: '127.0.0.1:1', tty: ttyS0}"}, r"machine lab7: 127\.0\.0\.1:1: .*is the console server up"),
        ({"power": "{on: [no-pdu, a], off: [no-pdu, b]}"}, "machine lab7: power: no-pdu: no such program; install it"),
        ({"boot": "{copy_to: nowhere}"}, r"machine lab7: boot\.copy_to: .*nowhere is no folder that can be written to"),
        ({"boot": "{run: [./no-deploy]}"}, r"machine lab7: boot\.run: \./no-deploy: no such program"),
        ({"power": "{labgrid: {environment: lab.yaml}}"}, "machine lab7: labgrid's power of target main: .*labgrid"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_built_or_switched(bench, tmp_path, changes, message):
    file = machine_file(tmp_path, bench.near, **changes)
    with pytest.raises(HostError, match=message):
        take_machine(ROOT, str(file))
    assert not (tmp_path / "power.log").exists()


def test_times_of_a_machine_are_not_those_of_the_host_that_drives_it(bench, tmp_path):
    host = {"id": "c0ffee", "name": "desk", "cpus": 2, "memory_mib": 4096, "qemu": "7.2"}
    here = take_machine(ROOT, str(machine_file(tmp_path, bench.near))).host(host)
    assert here["id"] != "c0ffee"
    assert (here["name"], here["driven_by"], here["cpus"], here["memory_mib"]) == ("lab7", "desk", 2, 1024)


def test_cell_that_does_not_fit_on_the_machine_is_skipped_with_the_reason(bench, tmp_path):
    spec = take_machine(ROOT, str(machine_file(tmp_path, bench.near))).spec
    (cell, _) = plan(request(tmp_path / "lab7.yaml"))
    assert too_small(spec, cell) == ""
    large = replace(cell, guest=replace(cell.guest, memory_bytes=2 << 30))
    wide = replace(cell, guest=replace(cell.guest, name="wide", vcpus=4))
    artefacts = SimpleNamespace(unavailable={}, guests={})
    results = skipped([cell, large, wide], artefacts, Accel("metal", "lab7"), "run", spec)
    assert [(result.verdict, result.reason) for result in results] == [
        ("skip", "machine lab7 has 1GiB of memory, the cell wants 2GiB"),
        ("skip", "machine lab7 has 2 CPUs, guest wide wants 4"),
    ]


def test_machine_shows_no_more_than_the_cells_guest_has_and_has_its_watchdogs(bench, tmp_path):
    spec = take_machine(ROOT, str(machine_file(tmp_path, bench.near, slow="2"))).spec
    (cell, _) = plan(request(tmp_path / "lab7.yaml"))
    words = metal_boot(spec, cell, tmp_path, tmp_path, tmp_path).parameters.split()
    assert {"mem=1024M", "nr_cpus=1", "no5lvl", "watchdog_thresh=10"} < set(words)


def result(start_s: float | None, verdict: str) -> CellResult:
    return CellResult("run", "cell", {}, {}, {}, {}, verdict, "was silent", 1.0, start_s, None, {}, {}, None)


def test_patience_with_a_machine_that_does_not_boot_ends_and_one_boot_renews_it():
    patience = Patience()
    for _ in range(2):
        for _ in range(PATIENCE - 1):
            patience.note(result(None, "error"))
        patience.note(result(3.0, "error"))  # booted, and was no good for another reason
    for _ in range(PATIENCE - 1):
        patience.note(result(None, "error"))
    with pytest.raises(HostError, match="3 cells in a row were not booted, the last as was silent"):
        patience.note(result(None, "error"))


@pytest.fixture
def begun(bench, tmp_path):
    """A run on a machine whose first cell was under way when it ended."""
    asked = request(machine_file(tmp_path, bench.near))
    cells = plan(asked)
    names = [cell.name for cell in cells]
    digests = {cell.name: cell.digest for cell in cells}
    folder = RunFolder.create(tmp_path / "runs", {"request": asked.stored(), "cells": names, "digests": digests})
    folder.attempt(names[0])
    return folder


def test_cell_is_blamed_only_when_the_orchestrator_was_lost_with_it_again(begun):
    (name, *_) = begun.header()["cells"]
    assert blamed(begun, set(), "lab7") == {}
    begun.attempt(name)
    assert blamed(begun, set(), "lab7") == {
        name: f"was under way when machine lab7 or its orchestrator was lost, {BLAMED_AFTER} times; it is not run again"
    }
    assert blamed(begun, {name}, "lab7") == {}, "it has a record after all"


def test_cell_that_was_interrupted_is_not_blamed_however_often(begun):
    (name, *_) = begun.header()["cells"]
    for _ in range(3):
        begun.attempt(name)
        begun.call_off()
        begun._begun.clear()  # the next process
    assert begun.attempts(name) <= 1
    assert blamed(begun, set(), "lab7") == {}


def test_run_is_gone_on_with_on_the_same_machine_wherever_one_stands(begun, tmp_path, monkeypatch):
    begun._held.close()
    monkeypatch.chdir("/")
    assert reopen(ROOT, RunFolder.open(begun.path)).request.machine == str(tmp_path / "lab7.yaml")


def test_blamed_cell_is_recorded_as_an_error_and_the_rest_is_run(begun, monkeypatch):
    first, second = begun.header()["cells"]
    begun.attempt(first)
    begun._held.close()
    ran, told = [], []

    def run_cell(job, cancelled):
        ran.append((job.cell.name, job.metal.spec.name))
        return replace(result(1.0, "pass"), run=job.run, cell=job.cell.name, accel={"kind": "metal", "reason": ""})

    monkeypatch.setattr("testbed.run.local.run_job", run_cell)
    monkeypatch.setattr(conduct, "check_sources", lambda *_: None)
    monkeypatch.setattr(conduct, "check_images", lambda *_: None)
    monkeypatch.setattr("testbed.run.artefacts.build_kernel", lambda *_: SimpleNamespace())
    monkeypatch.setattr("testbed.run.artefacts.build_guest", lambda *_: SimpleNamespace(uncompiled={}))
    monkeypatch.setattr(conduct, "run_junit", lambda *_: "")
    done = conduct.go_on(reopen(ROOT, RunFolder.open(begun.path)), None, lambda *_: None, lambda _: None, told.append)
    assert ran == [(second, "lab7")]
    assert [record["verdict"] for record in done.records] == ["error", "pass"]
    assert any(f"{first}: was under way when the run ended, is not run again" in line for line in told)


def test_machine_and_what_belongs_to_guests_on_this_host_exclude_each_other():
    for words in (["--accel", "tcg"], ["--require-kvm"], ["--jobs", "2"]):
        done = CliRunner().invoke(app, ["run", "--machine", "lab7", *words])
        assert "--machine: one cell at a time, and no accelerator" in str(done.exception or done.output)


def test_dry_run_says_what_the_machine_is_to_boot(bench, tmp_path, monkeypatch):
    file = machine_file(tmp_path, bench.near)
    monkeypatch.setattr("testbed.run.byhand.kernel_path", lambda *_: Path("/cache/bzImage"))
    monkeypatch.setattr("testbed.run.byhand.guest_path", lambda *_: Path("/cache/rd"))
    done = CliRunner().invoke(
        app, ["run", "benign/dontneed-loop", "-k", "vanilla-6.12", "--machine", str(file), "--dry-run"]
    )
    line = done.stdout.splitlines()[-1]
    assert line.startswith("/cache/bzImage /cache/rd console=ttyS0,115200n8 ")
    assert not (tmp_path / "power.log").exists()
