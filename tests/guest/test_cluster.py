# SPDX-License-Identifier: GPL-2.0-only
"""Real guests on several workers: each cell once, whoever dies, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, tb, wait_for
from terminal import as_from_a_terminal

KERNELS = ("vanilla-6.12", "ptreclaim-6.12")
WORDS = ["malicious/pte-flood", "--set", "span=64MiB", "--kernel", KERNELS[0], "--kernel", KERNELS[1]]


def start(out: Path, *words: str) -> subprocess.Popen:
    """Start a run on a cluster; it leads a session of its own, as one that a terminal started."""
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", "run", *words, "--out", str(out)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(argv, cwd=ROOT, start_new_session=True, preexec_fn=as_from_a_terminal, **quiet)


def below(pid: int) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """The workers that a run started, and their guests."""
    found = psutil.Process(pid).children(recursive=True)
    workers = [each for each in found if "worker" in each.cmdline() and each.name().startswith("python")]
    return workers, [each for each in found if each.name().startswith("qemu")]


def records(out: Path) -> list[dict]:
    return [json.loads(line) for path in out.glob("*/results.jsonl") for line in path.read_text().splitlines()]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


def names(repeat: int) -> Counter:
    cells = [
        f"{kernel}/minimal/malicious/pte-flood:span=64MiB#{number + 1}"
        for number in range(repeat)
        for kernel in KERNELS
    ]
    return Counter(cells)


def test_cells_run_on_workers_as_they_do_here(tmp_path, kernel, image, accel):
    done = tb("run", *WORDS, "--repeat", "3", "--cluster", "local:3", "--out", tmp_path, "--json")
    assert done.code == 0, done.stderr
    (run,) = tmp_path.iterdir()
    assert Counter(record["cell"] for record in records(tmp_path)) == names(3)
    for record in done.records:
        assert (record["verdict"], record["accel"]["kind"]) == ("pass", accel.kind)
        assert record["host"]["id"] == json.loads((run / "run.json").read_text())["host"]["id"]
        assert record["phases"]["pressed"]["agree"]
        folder = run / "cells" / record["cell"].replace("/", "~")
        assert "census-pressed.npz" in {path.name for path in folder.iterdir()}
        assert "TB-PHASE" in (folder / "console.log").read_text(errors="replace")
    assert (run / "junit.xml").read_text().count("<testcase ") == 6
    assert not [path for path in (run / "cells").iterdir() if path.name.startswith(".")]
    assert tb("report", run).code == 0


def test_interrupt_ends_workers_and_guests_and_the_run_is_gone_on_with_on_a_cluster(tmp_path, kernel, image, accel):
    with start(tmp_path, *WORDS, "--repeat", "2", "--cluster", "local:2") as orchestrator:
        assert wait_for(lambda: records(tmp_path), 120)
        assert wait_for(lambda: below(orchestrator.pid)[1], 60)
        workers, guests = below(orchestrator.pid)
        os.kill(orchestrator.pid, signal.SIGINT)
        assert orchestrator.wait(timeout=60) == 130
    assert len(workers) == 2
    assert gone(workers)
    assert gone(guests)
    kept = records(tmp_path)
    assert 0 < len(kept) < 4
    (run,) = tmp_path.iterdir()
    done = tb("run", "--resume", run, "--cluster", "local:2")
    assert done.code == 0, done.stderr
    assert records(tmp_path)[: len(kept)] == kept
    assert Counter(record["cell"] for record in records(tmp_path)) == names(2)


def test_run_that_is_killed_leaves_neither_workers_nor_guests(tmp_path, kernel, image, accel):
    with start(tmp_path, *WORDS, "--cluster", "local:2") as orchestrator:
        assert wait_for(lambda: len(below(orchestrator.pid)[1]) == 2, 120)
        workers, guests = below(orchestrator.pid)
        orchestrator.kill()
    assert wait_for(lambda: gone(workers + guests), 5)


@pytest.mark.night
@pytest.mark.timeout(3600)
def test_sixty_cells_on_three_workers_one_of_which_is_killed(tmp_path, kernel, image, accel):
    began = time.monotonic()
    with start(tmp_path, *WORDS, "--repeat", "30", "--cluster", "local:3") as orchestrator:
        assert wait_for(lambda: len(records(tmp_path)) >= 25, 1800)
        workers, guests = below(orchestrator.pid)
        killed = workers[1]
        orphans = killed.children()
        killed.kill()
        assert wait_for(lambda: gone(orphans), 5)
        _, said = orchestrator.communicate(timeout=1800)
    seconds = time.monotonic() - began
    found = records(tmp_path)
    (run,) = tmp_path.iterdir()
    attempts = (run / ".attempted").read_text().splitlines()
    print(
        f"60 cells in {seconds:.0f} s on 3 workers, one killed after 25: {len(found)} records, {len(attempts)} attempts"
    )
    assert (len(workers), len(orphans)) == (3, 1)
    assert orchestrator.returncode == 0, said
    assert Counter(record["cell"] for record in found) == names(30)
    assert Counter(record["verdict"] for record in found) == {"pass": 60}
    assert 60 <= len(attempts) <= 61
    assert gone(workers + guests)
