# SPDX-License-Identifier: GPL-2.0-only
"""A second attempt tells a flake from a failure, and loses nothing of the first."""

import json
import threading
from dataclasses import replace

import pytest

from testbed.judge.verdict import FLAKE
from testbed.run import retry
from testbed.run.cell import Job
from testbed.run.retry import run_job
from testbed.store.folder import FIRST
from testbed.store.record import CellResult

RESULT = CellResult("r", "k/g/s#1", {}, {}, {}, {}, "fail", "after.needed 9 <= 8", 2.0, 1.0, None, {}, {}, None)


@pytest.fixture
def attempts(monkeypatch):
    """Make each attempt end as the list says, and leave its number in console.log."""
    left = []

    def ends(*verdicts):
        left.extend(verdicts)
        numbers = iter(range(1, 9))

        def run_cell(job, cancelled):
            (job.folder / "console.log").write_text(f"attempt {next(numbers)}")
            return replace(RESULT, verdict=left.pop(0))

        monkeypatch.setattr(retry, "run_cell", run_cell)
        return left

    return ends


def job(tmp_path, again=True):
    return Job(cell=None, kernel=None, guest=None, accel=None, run="r", folder=tmp_path, retry=again)


@pytest.mark.parametrize("verdict", ["pass", "gap", "done", "skip"])
def test_expected_end_is_not_run_again(tmp_path, attempts, verdict):
    attempts(verdict)
    result = run_job(job(tmp_path), threading.Event())
    assert (result.verdict, result.first) == (verdict, None)


@pytest.mark.parametrize("verdict", ["fail", "crash", "hang", "error"])
def test_failure_that_passes_when_run_again_is_a_flake_not_a_pass(tmp_path, attempts, verdict):
    attempts(verdict, "pass")
    result = run_job(job(tmp_path), threading.Event())
    assert result.verdict == FLAKE
    assert result.reason == f"pass when run again: {RESULT.reason}; at first {verdict}: {RESULT.reason}"
    assert result.first == {"verdict": verdict, "reason": RESULT.reason}
    assert result.wall_s == 4.0
    assert json.loads((tmp_path / "verdict.json").read_text())["kind"] == FLAKE


def test_what_the_first_attempt_left_stays_beside_the_second(tmp_path, attempts):
    attempts("crash", "fail")
    result = run_job(job(tmp_path), threading.Event())
    assert (result.verdict, result.first["verdict"]) == ("fail", "crash")
    assert (tmp_path / FIRST / "console.log").read_text() == "attempt 1"
    assert (tmp_path / "console.log").read_text() == "attempt 2"


def test_nothing_is_run_again_unless_asked_nor_after_an_interrupt(tmp_path, attempts):
    cancelled = threading.Event()
    assert attempts("fail", "fail") and run_job(job(tmp_path, again=False), cancelled).first is None
    cancelled.set()
    assert run_job(job(tmp_path), cancelled).first is None
