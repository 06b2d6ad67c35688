# SPDX-License-Identifier: GPL-2.0-only
import threading
import time
from types import SimpleNamespace

import pytest

from testbed.run import local


def jobs(count: int):
    return [SimpleNamespace(name=f"cell {number}") for number in range(count)]


def test_record_is_kept_before_the_worker_takes_its_next_cell(monkeypatch):
    seen = []
    monkeypatch.setattr(local, "run_job", lambda job, _: job.name)

    def keep(result):
        time.sleep(0.05)  # a slow disk
        seen.append(f"kept {result}")

    local.run_jobs(jobs(3), 1, lambda job: seen.append(f"began {job.name}"), keep, lambda _: None)
    assert seen == [f"{what} cell {number}" for number in range(3) for what in ("began", "kept")]


def test_interrupt_keeps_what_was_finished_and_nothing_of_what_was_not(monkeypatch):
    kept, began = [], []
    second = threading.Event()

    def begin(job):
        began.append(job.name)
        if job.name == "cell 1":
            second.set()

    def run_cell(job, cancelled):
        assert job.name == "cell 0" or cancelled.wait(5)
        return job.name

    def finished(result):
        assert second.wait(5)
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "run_job", run_cell)
    with pytest.raises(KeyboardInterrupt):
        local.run_jobs(jobs(5), 1, begin, kept.append, finished)
    assert (kept, began) == (["cell 0"], ["cell 0", "cell 1"])
