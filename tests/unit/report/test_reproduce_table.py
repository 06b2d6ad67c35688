# SPDX-License-Identifier: GPL-2.0-only
"""How grades are told: one line a bug and kernel, and what is to be said below the table."""

import pytest

from testbed.report.reproduce import grade_notes, grade_row, grade_summary

SEEN = {
    "bug": "bugs/server-vmpte-110g",
    "kernel": "vanilla-6.12",
    "guest": "server",
    "shown": 6,
    "runs": 6,
    "interval": [0.5407, 1.0],
    "excluded_above": 1.0,
    "word": "reliable",
    "expected": "reproduced",
    "gap": None,
    "as_expected": True,
    "sign": "after.left_over.pte 27000 > 1000",
    "shown_in": "vanilla-6.12/server/bugs/server-vmpte-110g#1",
    "cells": [],
    "unjudged": [],
    "unusable": None,
    "skipped": False,
    "again": "./tb reproduce bugs/server-vmpte-110g --kernel vanilla-6.12 -n 10",
    "vmcore": None,
    "picture": None,
    "held_against": None,
    "quiet_runs": None,
    "sure": None,
}
QUIET = {
    **SEEN,
    "kernel": "ptreclaim-6.12",
    "shown": 0,
    "runs": 10,
    "interval": [0.0, 0.3085],
    "excluded_above": 0.2589,
    "word": "never seen",
    "expected": "gone",
    "sign": "after.left_over.pte 3 is not > 1000",
    "shown_in": None,
    "held_against": "vanilla-6.12",
    "quiet_runs": 2,
    "sure": True,
}
NOTHING = {"shown": 0, "runs": 0, "interval": None, "excluded_above": None, "word": "not judged", "as_expected": None}
FAILED = {**SEEN, **NOTHING, "unusable": "patch 2 does not apply", "shown_in": None}


def last(row) -> str:
    return grade_row(row)[-1]


def test_line_of_a_bug_that_was_reproduced():
    found = ("reproduced 6 of 6 (54-100 %)", "reliable", "as expected")
    assert grade_row(SEEN) == ("bugs/server-vmpte-110g", "vanilla-6.12", *found)


def test_line_of_a_bug_that_is_gone():
    assert grade_row(QUIET)[2:] == ("0 of 10 (above 26 % excluded)", "never seen", "as expected")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**QUIET, "sure": False}, "as expected, not sure"),
        ({**SEEN, "expected": "gone", "as_expected": False}, "NOT as expected: gone"),
        ({**QUIET, "expected": "reproduced", "as_expected": False}, "NOT as expected: reproduced"),
        ({**SEEN, "gap": "not done"}, "known gap"),
        ({**QUIET, "gap": "not done", "as_expected": False}, "NOT as expected: gap closed?"),
        ({**SEEN, "expected": None, "as_expected": None}, "nothing expected"),
        (FAILED, "could not be judged"),
        ({**FAILED, "skipped": True}, "skipped"),
    ],
)
def test_how_a_row_stands_to_what_is_expected(row, words):
    assert last(row) == words


def test_sign_and_the_way_to_have_it_again_are_told():
    assert grade_notes(SEEN) == [
        "bugs/server-vmpte-110g on vanilla-6.12: after.left_over.pte 27000 > 1000",
        "  seen in:  vanilla-6.12/server/bugs/server-vmpte-110g#1",
        "  again:    ./tb reproduce bugs/server-vmpte-110g --kernel vanilla-6.12 -n 10",
    ]


def test_quiet_runs_say_what_they_exclude_and_why_they_are_enough():
    assert grade_notes(QUIET)[1] == (
        "  0 of 10: a rate above 26 % is excluded (95 %); by the grade of vanilla-6.12, 2 quiet runs are needed to "
        "believe that it is gone"
    )


def test_quiet_runs_that_are_too_few_are_not_sure():
    (line,) = grade_notes({**QUIET, "quiet_runs": 21, "sure": False})[1:2]
    assert line.endswith("not sure that it is gone: by the grade of vanilla-6.12, 21 quiet runs are needed; try -n 21")
    alone = {**QUIET, "held_against": None, "quiet_runs": None, "sure": False}
    assert grade_notes(alone)[1].endswith("not sure that it is gone: no kernel of this run shows the bug")


def test_gap_memory_picture_and_what_was_not_judged_are_told():
    kept = {"vmcore": "runs/x/vmcore.zst", "picture": "runs/x/culprit.svg"}
    lines = grade_notes({**SEEN, **kept, "gap": "not done", "unjudged": ["c#2: QEMU is gone"]})
    assert "  picture:  runs/x/culprit.svg" in lines
    assert "  known gap: not done" in lines
    assert "  memory:   runs/x/vmcore.zst" in lines
    assert "  not judged: c#2: QEMU is gone" in lines


def test_kernel_that_came_to_nothing_says_why_once():
    lines = grade_notes({**FAILED, "unjudged": ["c#1: patch 2 does not apply"]})
    assert "\n".join(lines).count("patch 2 does not apply") == 1


def test_what_a_guest_said_moves_no_cursor():
    assert "\x1b" not in "".join(grade_notes({**SEEN, "sign": "BUG\x1b[2J"}))


def test_summary_counts_gaps_apart():
    rows = [SEEN, QUIET, {**SEEN, "gap": "not done"}, {**SEEN, "as_expected": False}, FAILED]
    assert grade_summary(rows) == "2 as expected, 1 known gap, 1 NOT as expected, 1 not judged"
    assert grade_summary([{**FAILED, "skipped": True}]) == "1 skipped"
