# SPDX-License-Identifier: GPL-2.0-only
"""A run that is killed at any moment leaves no guest, and is gone on with to the same cells, each once."""

import contextlib
import json
import os
import pty
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT, tb, wait_for
from terminal import as_from_a_terminal

from testbed.run.plan import Request, plan

WORDS = ["benign/dontneed-loop", "malicious/pte-flood", "--kernel", "vanilla-6.12", "--set", "span=64MiB"]
CELLS = 4
# Two of these begin with a cell under way, as the first guest takes longer than that to boot.
MOMENTS = [0.7, 3.0, 5.5]


def start(out: Path, *words: str, **how) -> subprocess.Popen:
    """Start a run, or what ``words`` say, in a session of its own and with SIGINT as a terminal leaves it."""
    words = words or (*WORDS, "--repeat", str(CELLS // 2), "--jobs", "1", "--out", str(out))
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", "run", *words]
    how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **how}
    return subprocess.Popen(argv, cwd=ROOT, start_new_session=True, preexec_fn=as_from_a_terminal, **how)


def planned() -> list[str]:
    request = Request(ROOT, tuple(WORDS[:2]), ("vanilla-6.12",), overrides={"span": "64MiB"}, repeat=CELLS // 2)
    return [cell.name for cell in plan(request)]


def qemus_of(run: Path) -> list[int]:
    """QEMU processes that log to a cell of the run, zombies apart."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"{run}/".encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if "qemu" in _name(pid)]


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""


def first_cell(out: Path) -> Path:
    """The run's folder, once its first cell is under way."""
    assert wait_for(lambda: any(path.stat().st_size for path in out.glob("*/.attempted")), 60)
    (run,) = (path.parent for path in out.glob("*/.attempted"))
    assert wait_for(lambda: qemus_of(run), 20)
    return run


def results(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]


def kill_at(moment: float, out: Path) -> tuple[Path, float, int]:
    """Kill a run so many seconds into its first cell; the run, when its QEMU was gone, and whole records then."""
    with start(out) as orchestrator:
        run = first_cell(out)
        time.sleep(moment)
        os.kill(orchestrator.pid, signal.SIGKILL)
        began = time.monotonic()
        orchestrator.wait()
    assert wait_for(lambda: not qemus_of(run), 5)
    return run, time.monotonic() - began, (run / "results.jsonl").read_text().count("\n")


def check_resumes_to_the_whole(run: Path, finished: int, moment: float) -> None:
    kept = (run / "results.jsonl").read_text().splitlines()[:finished]
    done = tb("run", "--resume", run, "--json")
    assert done.code == 0, (moment, done.stderr)
    assert Counter(record["cell"] for record in results(run)) == Counter(planned()), moment
    assert (run / "results.jsonl").read_text().splitlines()[:finished] == kept, moment
    assert sorted(record["cell"] for record in done.records) == sorted(planned()), moment
    assert (run / "junit.xml").read_text().count("<testcase ") == CELLS


@pytest.mark.parametrize("moment", MOMENTS)
def test_run_that_is_killed_leaves_no_qemu_and_resumes_to_the_same_cells(moment, tmp_path, kernel, image, accel):
    run, _, finished = kill_at(moment, tmp_path)
    check_resumes_to_the_whole(run, finished, moment)
    lost = list((run / "cells").glob("*.lost-1"))
    assert len(lost) == (0 if finished == CELLS else 1)


def test_run_that_is_killed_again_and_again_comes_to_its_end(tmp_path, kernel, image, accel):
    run, _, _ = kill_at(1.5, tmp_path)
    for jobs in (1, 2):
        with start(tmp_path, "--resume", str(run), "--jobs", str(jobs)) as orchestrator:
            assert wait_for(lambda jobs=jobs: len(qemus_of(run)) == jobs, 60)
            os.kill(orchestrator.pid, signal.SIGKILL)
        assert wait_for(lambda: not qemus_of(run), 5)
    check_resumes_to_the_whole(run, len(results(run)), 0)
    lost = Counter(path.name.rpartition(".")[2] for path in (run / "cells").glob("*.lost-*"))
    assert lost["lost-3"] == 1
    assert lost["lost-2"] <= lost["lost-1"] <= 2


@pytest.mark.night
@pytest.mark.timeout(3600)
def test_twenty_random_moments(tmp_path, kernel, image, accel):
    seed = int(os.environ.get("TESTBED_SEED", secrets.randbelow(10**6)))
    print(f"seed {seed}: TESTBED_SEED={seed} runs the same moments")
    chance = random.Random(seed)
    for number in range(20):
        moment = chance.uniform(0, 11)
        run, gone_s, finished = kill_at(moment, tmp_path / str(number))
        print(f"killed {moment:5.2f} s into the cells: QEMU gone after {gone_s:.3f} s, {finished} of {CELLS} done")
        check_resumes_to_the_whole(run, finished, moment)


def test_run_under_way_is_not_resumed_and_goes_on_undisturbed(tmp_path, kernel, image, accel):
    with start(tmp_path) as orchestrator:
        run = first_cell(tmp_path)
        done = tb("run", "--resume", run)
        assert (done.code, len(done.stderr.splitlines())) == (2, 1)
        assert "still under way" in done.stderr
        assert orchestrator.wait(timeout=120) == 0
    assert Counter(record["cell"] for record in results(run)) == Counter(planned())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_guests_in_order_keeps_what_is_finished_and_names_the_way_on(how, tmp_path, kernel, image, accel):
    with start(tmp_path, stdout=subprocess.PIPE, text=True) as orchestrator:
        run = first_cell(tmp_path)
        assert wait_for(lambda: results(run), 60)
        assert wait_for(lambda: qemus_of(run), 20)
        os.kill(orchestrator.pid, how)
        out, _ = orchestrator.communicate(timeout=30)
    assert (orchestrator.returncode, qemus_of(run)) == (130, [])
    finished = len(results(run))
    assert finished < CELLS
    assert (run / "junit.xml").read_text().count("<testcase ") == finished
    assert out.splitlines()[-1].endswith(f"go on with: ./tb run --resume {run}")
    check_resumes_to_the_whole(run, finished, 0)


def test_terminal_that_is_closed_ends_the_run_in_order(tmp_path, kernel, image, accel):
    ours, theirs = pty.openpty()
    argv = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with start(tmp_path, **argv) as orchestrator:
        os.close(theirs)
        run = first_cell(tmp_path)
        os.close(ours)  # what is written from now on is an I/O error
        time.sleep(0.5)
        os.kill(orchestrator.pid, signal.SIGHUP)
        assert orchestrator.wait(timeout=30) == 130
    assert qemus_of(run) == []
    assert (run / "junit.xml").is_file()


def test_finished_run_that_is_resumed_says_so_and_prints_its_table(tmp_path, kernel, image, accel):
    first = tb("run", "malicious/pte-flood", "--kernel", "vanilla-6.12", "--set", "span=64MiB", "--out", tmp_path)
    (run,) = tmp_path.iterdir()
    again = tb("run", "--resume", run.name, "--out", tmp_path)
    assert (first.code, again.code) == (0, 0)
    assert "nothing is left to run, all 1 cells have a record" in again.stderr
    assert again.stdout == first.stdout
    assert len(results(run)) == 1


def test_sockets_that_a_killed_run_left_are_removed_by_the_next(tmp_path, kernel, image, accel, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    run, _, finished = kill_at(0.5, tmp_path / "runs")
    assert [path.name[:3] for path in temporary.iterdir()] == ["tb-"]
    check_resumes_to_the_whole(run, finished, 0.5)
    assert list(temporary.iterdir()) == []
