# SPDX-License-Identifier: GPL-2.0-only
"""The bench as cells of a run: judged by its budgets, and an error where it could not be measured."""

from pathlib import Path

import pytest

from testbed.errors import GuestLost
from testbed.judge.measured import measured
from testbed.run import benchcell
from testbed.run.benchcell import bench_cells
from testbed.spec import load_guest, resolve_kernel

ROOT = Path(__file__).resolve().parents[3]
FACTS = {"release": "6.12.1", "source_version": "6.12.1-1", "patchset_hash": None, "config_hash": "c", "build_id": "b"}


def record(kernel, operation, ratio=None, budget=None):
    within = None if budget is None else ratio <= 1 + budget
    cost = {"reclaim": None, "kept": None, "ops": 100, "repeat_error": 1e-5, "samples": ((1.0,),)}
    shown = {"operation": operation, "instructions": 1000.0, "ratio": ratio, "budget": budget, "within": within}
    return {"kernel": {"name": kernel, "key": "k", **FACTS}, **cost, **shown}


@pytest.fixture
def cells(monkeypatch):
    """Run the bench with these records, or this error, in the place of guests."""
    names = ("vanilla-6.12", "ptreclaim-6.12")
    kernels, guest = [resolve_kernel(ROOT, name) for name in names], load_guest(ROOT, "minimal")

    def run(outcome):
        def bench(*_):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(benchcell, "bench_overhead", bench)
        return [cell.record() for cell in bench_cells(ROOT, kernels, guest, "r", lambda *_: None)]

    return run


def test_kernel_without_budgets_is_measured_and_one_within_them_passes(cells):
    vanilla, ours = cells([record("vanilla-6.12", "fault"), record("ptreclaim-6.12", "fault", 1.003, 0.005)])
    assert (vanilla["cell"], vanilla["verdict"]) == ("vanilla-6.12/minimal/bench/overhead#1", "done")
    assert (ours["verdict"], ours["kernel"]) == ("pass", {"name": "ptreclaim-6.12", **FACTS})
    assert measured(ours) == {"cost.fault": 999.995}  # of two boots 1e-5 apart the lower


def test_operation_over_its_budget_is_named(cells):
    _, ours = cells([record("vanilla-6.12", "fault"), record("ptreclaim-6.12", "fault", 1.02, 0.005)])
    assert ours["verdict"] == "fail"
    assert ours["reason"] == "over budget: fault +2.00 %, +0.5 % is allowed"


@pytest.mark.parametrize(("ratio", "verdict"), [(1.0147, "gap"), (1.021, "fail")])
def test_budget_that_is_known_to_be_missed_is_a_gap_up_to_what_is_known(cells, ratio, verdict):
    known = record("ptreclaim-6.12", "mmap-touch-munmap-alone", ratio, 0.005)
    _, ours = cells([record("vanilla-6.12", "mmap-touch-munmap-alone"), known])
    assert ours["verdict"] == verdict
    assert ("known: " in ours["reason"]) == (verdict == "gap")


def test_bench_that_could_not_be_measured_is_an_error_on_every_kernel(cells):
    told = cells(GuestLost("the guest is gone"))
    assert [(cell["verdict"], cell["reason"]) for cell in told] == [("error", "the guest is gone")] * 2
