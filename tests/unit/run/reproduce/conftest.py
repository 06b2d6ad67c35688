# SPDX-License-Identifier: GPL-2.0-only
"""Runs whose attempts come to what a test says, without a guest."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from made_bugs import attempt, images

from testbed.machine.accel import Accel
from testbed.run.reproduce import attempts, trials
from testbed.store.record import CellResult

ACCEL = Accel("tcg", "tcg: a guest kernel booted in 1 s")


@dataclass
class Fake:
    """What stands in for guests: ``answer`` gives the result of a cell, ``jobs`` are those that were run."""

    answer: Callable[[str], Any] = lambda name: attempt(name, True)
    jobs: list = field(default_factory=list)
    unbuildable: dict[str, Exception] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run_cell(self, job, cancelled) -> CellResult:
        with self.lock:
            self.jobs.append(job)
        assert job.folder.is_dir()
        answer = self.answer(job.cell.name)
        return answer if isinstance(answer, CellResult) else attempt(job.cell.name, answer)

    def build_kernel(self, root, spec, progress):
        if spec.name in self.unbuildable:
            raise self.unbuildable[spec.name]
        return images()

    @property
    def begun(self) -> list[str]:
        return [job.cell.name for job in self.jobs]


@pytest.fixture
def fake(monkeypatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(attempts, "run_cell", made.run_cell)
    monkeypatch.setattr(trials, "build_guest", lambda root, spec, progress: images())
    monkeypatch.setattr(trials, "build_kernel", made.build_kernel)
    monkeypatch.setattr(trials, "accelerator", lambda *_: ACCEL)
    return made
