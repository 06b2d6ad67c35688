# SPDX-License-Identifier: GPL-2.0-only
"""A bug that shows now and then is found as often as was promised, and no run more is made than that takes."""

import random

import pytest

from testbed.judge.bisection import Step, Task, doubt, evidence, next_task, reliability
from testbed.judge.grade import Grade, quiet_chance
from testbed.judge.linesearch import Found, LineSearch, Lost

ALPHA, MOST, SIMULATED = 0.05, 60, 200
LINE = [f"{number:02d}" for number in range(13)]


def simulated(rate, first_bad, luck, skips=(), line=LINE, until=None):
    """Bisect with a bug that shows at this rate from ``first_bad`` on; give the end and the steps."""
    steps = []
    search = LineSearch(line)
    while isinstance(task := next_task(search, steps, ALPHA, MOST), Task) and (until is None or until(task)):
        steps.append(looked(task, rate if task.candidate >= first_bad else 0.0, luck, task.candidate in skips))
    return task, steps


def looked(task, rate, luck, skip=False):
    if skip:
        return Step(task.role, task.candidate, task.candidate, "skip", Grade(0, 0), why="does not build")
    shown = runs = 0
    while runs < task.runs and not (runs and task.enough(Grade(shown, runs))):
        runs += 1
        shown += luck.random() < rate
    answer = "bad" if shown else "good"
    return Step(task.role, task.candidate, task.candidate, answer, Grade(shown, runs), task.alpha)


@pytest.mark.parametrize("skips", [(), ("06",), ("03", "04", "08", "09")], ids=["all build", "middle", "four"])
@pytest.mark.parametrize("rate", [1.0, 0.3, 0.1])
def test_right_one_is_found_as_often_as_alpha_promises(rate, skips):
    luck = random.Random(f"{rate} {skips}")
    right = 0
    for _ in range(SIMULATED):
        first_bad = luck.choice(LINE[1:])
        found, _ = simulated(rate, first_bad, luck, skips)
        if isinstance(found, Found):
            suspects = {found.first_bad, *found.between}
            right += first_bad in suspects
    assert right >= (1 - ALPHA) * SIMULATED


def test_promise_holds_over_a_hundred_candidates():
    luck = random.Random(7)
    line = [f"{number:03d}" for number in range(101)]
    right = 0
    for _ in range(SIMULATED):
        first_bad = luck.choice(line[1:])
        found, _ = simulated(0.3, first_bad, luck, line=line)
        right += isinstance(found, Found) and found.first_bad == first_bad
    assert right >= (1 - ALPHA) * SIMULATED


def test_doubt_that_is_told_is_within_what_was_asked_for():
    luck = random.Random(3)
    for _ in range(SIMULATED):
        found, steps = simulated(0.3, luck.choice(LINE[1:]), luck)
        if isinstance(found, Found):
            assert doubt(found, steps) <= ALPHA


@pytest.mark.parametrize("first_bad", LINE[1:])
@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_shares_of_alpha_never_add_up_to_more(rate, first_bad):
    for skips in ((), ("06", "05", "07")):
        _, steps = simulated(rate, first_bad, random.Random(first_bad), skips)
        assert sum(step.alpha for step in steps) <= ALPHA


def test_bug_that_always_shows_takes_few_runs():
    _, steps = simulated(1.0, "09", random.Random(1))
    assert sum(step.grade.runs for step in steps) < 20


def test_step_that_shows_it_once_ends_there_and_one_that_is_quiet_runs_to_the_end():
    _, steps = simulated(0.3, "09", random.Random(5))
    for step in steps[2:]:
        assert step.grade.shown <= 1
        if step.answer == "good" and step.role == "step":
            assert quiet_chance(reliability(steps[: steps.index(step)]), step.grade.runs) <= step.alpha


def test_reliability_is_learnt_from_bad_steps_and_not_from_quiet_ones():
    steps = [
        Step("bad end", "12", "12", "bad", Grade(5, 10)),
        Step("good end", "00", "00", "good", Grade(0, 9)),
        Step("step", "06", "06", "bad", Grade(1, 4)),
        Step("step", "03", "03", "good", Grade(0, 12)),
    ]
    assert reliability(steps) == Grade(6, 14)


def less_reliable():
    """Steps whose last good one was called so when the bug seemed more reliable than it is."""
    line = [f"{number:02d}" for number in range(3)]
    steps = [
        Step("bad end", "02", "02", "bad", Grade(5, 5)),
        Step("good end", "00", "00", "good", Grade(0, 3), 0.01),
    ]
    task = next_task(LineSearch(line), steps, ALPHA, MOST)
    steps.append(Step("step", task.candidate, "01", "bad", Grade(1, 40), task.alpha))
    task = next_task(LineSearch(line), steps, ALPHA, MOST)
    return task, steps, line


def test_last_good_one_is_looked_at_again_where_the_bug_turns_out_to_be_less_reliable():
    task, steps, line = less_reliable()
    assert (task.role, task.candidate) == ("proof", "00")
    quiet = Step("proof", "00", "00", "good", Grade(0, task.runs))
    found = next_task(LineSearch(line), [*steps, quiet], ALPHA, MOST)
    assert found == Found("01", ("00",))
    assert evidence([*steps, quiet], "00").grade == Grade(0, 3 + task.runs)
    assert doubt(found, [*steps, quiet]) <= 0.01


def test_proof_that_could_not_be_judged_takes_no_answer_away():
    _, steps, line = less_reliable()
    in_vain = Step("proof", "00", "00", "skip", Grade(0, 2), why="QEMU is gone")
    assert next_task(LineSearch(line), [*steps, in_vain], ALPHA, MOST) == Found("01", ("00",))


def test_proof_that_shows_the_bug_sends_the_search_on():
    luck = random.Random(0)
    _, steps = simulated(0.3, "09", luck)
    called_good = [step for step in steps if step.answer != "bad" or step.candidate == "12"][:3]
    wrong = Step("proof", called_good[-1].candidate, "x", "bad", Grade(1, 1))
    task = next_task(LineSearch(LINE), [*called_good, wrong], ALPHA, MOST)
    assert task.candidate < wrong.candidate
    assert reliability([*called_good, wrong]).runs == sum(
        step.grade.runs for step in [*called_good, wrong] if step.candidate in ("12", wrong.candidate)
    )


def ended(role, answer, grade, why=""):
    before = [] if role == "bad end" else [Step("bad end", "12", "last", "bad", Grade(5, 5))]
    step = Step(role, "12" if role == "bad end" else "00", "its name", answer, grade, why=why)
    return next_task(LineSearch(LINE), [*before, step], ALPHA, MOST)


def test_bad_end_without_the_bug_ends_it():
    lost = ended("bad end", "good", Grade(0, 60))
    assert lost == Lost("the bad end, its name, does not show the bug: 0 of 60 runs")


def test_good_end_with_the_bug_ends_it():
    lost = ended("good end", "bad", Grade(1, 2))
    assert lost == Lost("the good end, its name, shows the bug as well: 1 of 2 runs")


@pytest.mark.parametrize("role", ["bad end", "good end"])
def test_end_that_does_not_build_is_not_judged(role):
    lost = ended(role, "skip", Grade(0, 0), "gcc: exit 1")
    assert lost == Lost(f"the {role}, its name, can't be judged: gcc: exit 1", unjudged=True)
