# SPDX-License-Identifier: GPL-2.0-only
"""What a bisection tells a person at the end: what it found, what speaks for it, and what to do with it."""

import pytest

from testbed.judge.bisection import Step, Task
from testbed.judge.grade import Grade
from testbed.judge.linesearch import Found, Lost
from testbed.report.bisect import found_lines, lost_line, resume_line, step_line, task_line
from testbed.store.folder import RunFolder

SHOWING = ("k~07/g/b#2",)
STEPS = [
    Step("bad end", "12", "0012-l.patch", "bad", Grade(5, 16), 0.0, ("k~12/g/b#1",), ("k~12/g/b#1",), "warn: x"),
    Step("good end", "00", "the source alone", "good", Grade(0, 14), 0.01, cells=("k~00/g/b#1",)),
    Step("step", "06", "0006-f.patch", "skip", Grade(0, 0), cells=("k~06/g/b#1",), why="madvise.c:9: error: no such"),
    Step("step", "05", "0005-e.patch", "good", Grade(0, 14), 0.01, cells=("k~05/g/b#1", "k~05/g/b#2")),
    Step("step", "07", "0007-g.patch", "bad", Grade(1, 3), 0.01, ("k~07/g/b#1", *SHOWING), SHOWING, "warn: x"),
    Step("proof", "05", "0005-e.patch", "good", Grade(0, 4), cells=("k~05/g/b#3",)),
]


def test_first_bad_comes_with_evidence_from_both_sides_what_is_between_and_the_way_to_hand_it_on(tmp_path):
    lines = list(found_lines("the 12 patches of k", Found("07", ("05",), ("06",)), STEPS, RunFolder(tmp_path)))
    assert lines == [
        "first bad of the 12 patches of k: 0007-g.patch",
        "  bad:  1 of 3 runs show it: warn: x",
        f"        {tmp_path}/cells/k~07~g~b#2",
        "  good: 0005-e.patch: 0 of 18 runs show it",
        f"        {tmp_path}/cells/k~05~g~b#3",
        "  between them, and perhaps the first bad one instead:",
        "        0006-f.patch: madvise.c:9: error: no such",
        "  doubt: had the last good one the bug, 0.8% would be the chance that it is so quiet"
        " (it shows in 6 of 19 where it is)",
        f"6 steps, 8 attempts; log: {tmp_path}/bisect.jsonl",
        f"bundle it: ./tb bundle {tmp_path} 'k~07/g/b#2'",
    ]


@pytest.mark.parametrize(
    "task, told",
    [
        (Task("bad end", "12", 60), "bad end: l.patch, at most 60 runs"),
        (Task("step", "06", 14), "step: l.patch, 14 runs if it stays quiet (it shows in 5 of 16 where it is)"),
        (Task("proof", "05", 4), "proof: l.patch, 4 runs more if it stays quiet (it shows in 5 of 16 where it is)"),
    ],
)
def test_step_is_announced_with_what_it_may_cost(task, told):
    assert task_line(task, "l.patch", Grade(5, 16)) == told


def test_step_is_told_in_one_line():
    assert [step_line(step) for step in STEPS[1:3] + STEPS[4:5]] == [
        "  good: 0 of 14",
        "  skipped: madvise.c:9: error: no such",
        "  bad: 1 of 3: warn: x",
    ]


def test_what_is_not_found_and_how_to_go_on_are_one_line_each(tmp_path):
    assert lost_line(Lost("the bad end is quiet")) == "not found: the bad end is quiet"
    assert resume_line("bugs/x", tmp_path) == f"go on with: ./tb bisect bugs/x --resume {tmp_path}"
