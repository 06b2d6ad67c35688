# SPDX-License-Identifier: GPL-2.0-only
"""How often nothing is the matter and an alarm is raised: on simulated nights of kernels that did not change.

The noise is that of 213 pairs of real runs (TCG, a shared host of 2 cores) with the same kernel and scenario, and of
five runs of ``bench overhead``:

* tables left over of cells that do not race: 19 of 20 pairs are alike, the others differ by 1 to 3 tables; kB held:
  every second pair differs, by 4 to 20 kB;
* what is left by threads that race: mostly 4 to 60 kB, in one night of ten a few MiB;
* instructions, the lower of two boots: up to 2e-4 apart, in one boot of twenty 1.5e-3;
* seconds: log-normal, 0.4 (a host on which eight people work; a quiet one has a tenth of that).

Each night has another kernel here, so that none is excused by being the same.
"""

import math
import random
from collections.abc import Callable

import pytest
from historic import drift, nightly

from testbed.judge.drift import Drift

NIGHTS = 30
ALLOWED = 1 / 1000

Noise = Callable[[random.Random], list[float]]


def _tables(chance: random.Random) -> list[float]:
    usual = chance.choice((0, 12, 126, 8192, 51294))
    return [usual + (chance.choice((1, 1, 2, 3)) if chance.random() < 0.05 else 0) for _ in range(NIGHTS)]


def _kilobytes(chance: random.Random) -> list[float]:
    usual = chance.choice((40, 240, 552, 8280, 80752))
    return [usual + chance.choice((0, 0, 0, 4, 4, 8, 16, 20)) for _ in range(NIGHTS)]


def _raced(chance: random.Random) -> list[float]:
    return [
        100 + (chance.uniform(500, 8000) if chance.random() < 0.1 else chance.uniform(4, 60)) for _ in range(NIGHTS)
    ]


def _instructions(chance: random.Random) -> list[float]:
    usual = 10 ** chance.uniform(3, 7.5)
    return [usual * (1 + chance.uniform(0, 2e-4) + 1.5e-3 * (chance.random() < 0.05)) for _ in range(NIGHTS)]


def _seconds(chance: random.Random) -> list[float]:
    return [3 * math.exp(chance.gauss(0, 0.4)) for _ in range(NIGHTS)]


# metric, scenario, noise, series: as many of each as a night has, about
KINDS: tuple[tuple[str, str, Noise, int], ...] = (
    ("after.left_over.pte", "benign/dontneed-loop", _tables, 400),
    ("after.vmpte_kb", "benign/jemalloc-churn", _kilobytes, 300),
    ("pressed.vmpte_kb", "stress/race-empty", _raced, 40),
    ("cost.fault", "bench/overhead", _instructions, 100),
    ("wall_s", "benign/dontneed-loop", _seconds, 40),
)


def _raised(told: list[Drift]) -> int:
    """Count alarms: a regression that stays open is one."""
    open_since = ["" if each.first_bad is None else each.first_bad.run for each in told if each.kind != "new"]
    return sum(now != before and now != "" for before, now in zip(["", *open_since], open_since, strict=False))


@pytest.fixture(scope="module")
def simulated() -> dict[str, tuple[int, int]]:
    """Alarms and judgements of each metric."""
    chance = random.Random(20261124)
    found = {}
    for metric, scenario, noise, number in KINDS:
        told = [nightly(metric, noise(chance), scenario) for _ in range(number)]
        found[metric] = (sum(map(_raised, told)), number * (NIGHTS - 1))
    return found


def test_at_most_one_judgement_in_a_thousand_is_a_false_alarm(simulated: dict[str, tuple[int, int]]) -> None:
    alarms = sum(raised for raised, _ in simulated.values())
    judgements = sum(judged for _, judged in simulated.values())
    assert judgements > 20_000
    assert alarms / judgements <= ALLOWED, simulated


def test_instructions_and_tables_of_unchanged_kernels_raise_none(simulated: dict[str, tuple[int, int]]) -> None:
    assert [simulated[metric][0] for metric in ("after.left_over.pte", "after.vmpte_kb", "cost.fault")] == [0, 0, 0]


def test_every_planted_two_percent_of_instructions_is_found_the_first_night() -> None:
    chance = random.Random(2)
    for _ in range(300):
        first, second, *_ = _instructions(chance)
        assert drift("cost.fault", [first, 1.02 * second], kernel_key="n").kind == "regression"


def test_every_planted_leak_of_a_table_a_call_is_found_the_first_night() -> None:
    chance = random.Random(3)
    for _ in range(300):
        values = [float(chance.randint(0, 12)) for _ in range(chance.randint(1, 20))]
        leaked = 12 + chance.randint(100, 800)
        assert drift("after.left_over.pte", [*values, leaked], kernel_key="n").kind == "regression"
