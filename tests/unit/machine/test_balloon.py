# SPDX-License-Identifier: GPL-2.0-only
from collections.abc import Mapping
from typing import Any

import pytest

from testbed.errors import QmpLost
from testbed.machine import balloon
from testbed.machine.balloon import Balloon, figures

STATS = {"stat-free-memory": 4 << 20, "stat-minor-faults": 3, "stat-htlb-pgfail": 0, "stat-swap-in": (1 << 64) - 1}


class Monitor:
    """Gives the answers in their order; one that is an error is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    def execute(self, command: str, arguments: Mapping[str, object] | None = None, timeout_s: float = 10) -> Any:
        assert timeout_s <= 1
        self.asked.append((command, arguments or {}))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def at_any_time(monkeypatch):
    monkeypatch.setattr(balloon, "ASK_S", 0.0)


def told(update: int, **more: int) -> dict[str, Any]:
    return {"stats": {**STATS, **more}, "last-update": update}


def test_amounts_are_in_kb_events_as_they_are_and_what_is_not_told_is_left_out():
    assert figures(STATS) == {"free_memory_kb": 4096, "htlb_pgfail": 0, "minor_faults": 3}


def test_figures_are_given_once_and_those_from_before_the_start_never():
    before, new = told(7), told(8)
    news = Balloon(Monitor(before, {}, before, new, new, told(9))).news
    assert [news() is None for _ in range(4)] == [True, False, True, False]


def test_qemu_is_told_to_ask_the_driver_each_second():
    monitor = Monitor(told(7), {})
    Balloon(monitor)
    wanted = {"path": "/machine/peripheral/balloon", "property": "guest-stats-polling-interval", "value": 1}
    assert monitor.asked[-1] == ("qom-set", wanted)


def test_qemu_is_not_asked_more_often_than_twice_a_second(monkeypatch):
    monkeypatch.setattr(balloon, "ASK_S", 60.0)
    monitor = Monitor(told(7), {})
    assert Balloon(monitor).news() is None
    assert len(monitor.asked) == 2


@pytest.mark.parametrize("answers", [[QmpLost("no such device")], [told(7), {}, QmpLost("no answer for 1 s")]])
def test_monitor_that_does_not_answer_is_left_alone_from_then_on(answers):
    monitor = Monitor(*answers)
    balloon = Balloon(monitor)
    assert [balloon.news(), balloon.news()] == [None, None]
    assert monitor.answers == []
