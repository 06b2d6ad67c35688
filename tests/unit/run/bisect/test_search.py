# SPDX-License-Identifier: GPL-2.0-only
"""A bisection goes on from its log as if it had not been interrupted, and tells what it could not look at."""

import json

import pytest
from lucky import Killed, LuckyTrials, from_kernel, kernels, searched

from testbed.errors import SpecError
from testbed.judge.grade import Grade
from testbed.judge.linesearch import Found, Lost
from testbed.run.bisect.log import NAME, BisectLog
from testbed.run.bisect.search import search

GROUND = kernels(12)
FACTS = {"the candidates": [["00", "x"]], "the bug's signature or amplifiers": "a"}
INPUTS = {"bug": "bugs/leak", "over": {}, "alpha": 0.05, "attempts": 60, "facts": FACTS}


def new_log(tmp_path):
    return BisectLog.create(tmp_path, INPUTS)


def test_first_bad_is_found_with_evidence_from_both_sides(tmp_path):
    trials = LuckyTrials(from_kernel(9, 0.3), seed=1)
    done = searched(GROUND, trials, new_log(tmp_path))
    assert done.ended == Found("09", ("08",))
    steps = {step.candidate: step for step in done.steps}
    assert steps["09"].showing
    assert steps["09"].sign
    assert steps["08"].grade.shown == 0
    assert len(steps["08"].cells) == steps["08"].grade.runs
    assert {cell for step in done.steps for cell in step.cells} == {record["cell"] for record in trials.disk}


def test_what_does_not_build_is_skipped_and_told_as_between_where_it_matters(tmp_path):
    trials = LuckyTrials(from_kernel(7, 1.0), unusable={"k~06": "madvise.c:1: error: no such function"})
    done = searched(GROUND, trials, new_log(tmp_path))
    assert done.ended == Found("07", ("05",), ("06",))
    assert [step.why for step in done.steps if step.candidate == "06"] == ["madvise.c:1: error: no such function"]


@pytest.mark.parametrize("seed", range(5))
def test_it_goes_on_from_every_line_of_the_log_to_the_same_answer(tmp_path, seed):
    trials = LuckyTrials(from_kernel(9, 0.3), seed)
    done = searched(GROUND, trials, new_log(tmp_path))
    lines = (tmp_path / NAME).read_text().splitlines(keepends=True)
    for kept in range(1, len(lines) + 1):
        (tmp_path / NAME).write_text("".join(lines[:kept]) + lines[kept][:20] if kept < len(lines) else "".join(lines))
        log = BisectLog.read(tmp_path)
        assert log.steps == tuple(done.steps[: kept - 1])
        counted = {cell for step in log.steps for cell in step.cells}
        again = LuckyTrials(from_kernel(9, 0.3), seed, disk=[each for each in trials.disk if each["cell"] in counted])
        resumed = searched(GROUND, again, log)
        assert resumed == done
        assert (tmp_path / NAME).read_text() == "".join(lines)


@pytest.mark.parametrize("lives", range(40))
def test_attempts_of_a_step_that_was_cut_short_count_when_it_is_taken_up(tmp_path, lives):
    undisturbed = LuckyTrials(from_kernel(9, 0.3), 4)
    expected = searched(GROUND, undisturbed, new_log(tmp_path))
    trials = LuckyTrials(from_kernel(9, 0.3), 4, lives=lives)
    try:
        done = searched(GROUND, trials, new_log(tmp_path))
    except Killed:
        trials.lives = None
        done = searched(GROUND, trials, BisectLog.read(tmp_path))
    assert done == expected
    assert trials.disk == undisturbed.disk


def test_candidate_that_its_kernel_entry_does_not_fit_is_skipped(tmp_path):
    trials = LuckyTrials(from_kernel(7, 1.0))

    def refusing(subject, most, enough):
        if subject.kernel.name == "k~06":
            raise SpecError("kernels.yaml:9: without: this source has X86_5LEVEL; take it out, it can be asked for")
        return trials(subject, most, enough)

    done = search(GROUND, refusing, new_log(tmp_path), 0.05, 60, trials.kept, lambda *_: None, lambda _: None)
    assert done.ended == Found("07", ("05",), ("06",))


def test_bad_end_that_is_quiet_ends_it_after_the_attempts_that_were_allowed(tmp_path):
    trials = LuckyTrials(lambda subject: 0.0)
    done = searched(GROUND, trials, new_log(tmp_path), most=20)
    assert done.ended == Lost("the bad end, patch 12, does not show the bug: 0 of 20 runs")
    assert len(trials.disk) == 20


def test_good_end_that_shows_it_ends_it_at_once(tmp_path):
    trials = LuckyTrials(lambda subject: 1.0)
    done = searched(GROUND, trials, new_log(tmp_path))
    assert done.ended == Lost("the good end, patch 0, shows the bug as well: 1 of 1 runs")


def test_candidate_that_always_crashes_otherwise_is_skipped_and_not_called_good(tmp_path):
    def ends(subject):
        return {"sign": "panic: another", "verdict": "crash"} if subject.kernel.name == "k~06" else {}

    trials = LuckyTrials(from_kernel(7, 1.0), ends=ends)
    done = searched(GROUND, trials, new_log(tmp_path))
    step = next(step for step in done.steps if step.candidate == "06")
    assert (step.answer, step.alpha) == ("skip", 0.0)
    assert step.why.endswith("attempts could be judged: panic: another")
    assert done.ended == Found("07", ("05",), ("06",))


def test_attempts_that_could_not_be_judged_are_made_again(tmp_path):
    unlucky = iter([{"shown": None, "verdict": "error"}] * 2)
    trials = LuckyTrials(from_kernel(9, 1.0), ends=lambda subject: next(unlucky, {}))
    done = searched(GROUND, trials, new_log(tmp_path))
    good_end = done.steps[1]
    assert good_end.answer == "good"
    assert good_end.grade == Grade(0, len(good_end.cells) - 2)


def test_change_of_what_is_bisected_is_told_by_name_when_it_is_gone_on_with(tmp_path):
    new_log(tmp_path)
    log = BisectLog.read(tmp_path)
    log.check(FACTS)
    with pytest.raises(SpecError, match="the bug's signature or amplifiers changed since; put it back, or start"):
        log.check({**FACTS, "the bug's signature or amplifiers": "b"})


def test_folder_without_a_log_and_lines_that_are_no_steps_are_refused(tmp_path):
    with pytest.raises(SpecError, match="no bisection"):
        BisectLog.read(tmp_path)
    (tmp_path / NAME).write_text("{}\n")
    with pytest.raises(SpecError, match=r"bisect.jsonl:1: not what a bisection begins with"):
        BisectLog.read(tmp_path)
    (tmp_path / NAME).write_text(json.dumps({"inputs": INPUTS}) + '\n{"role": "step"}\n')
    with pytest.raises(SpecError, match=r"bisect.jsonl:2: not a step"):
        BisectLog.read(tmp_path)
