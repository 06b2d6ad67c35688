# SPDX-License-Identifier: GPL-2.0-only
"""A line of candidates is halved, past those of which nothing can be told."""

from itertools import pairwise

import pytest

from testbed.judge.linesearch import Found, LineSearch, Lost

LINE = [f"{number:02d}" for number in range(13)]


def searched(search, first_bad, skips=()):
    """Answer as a line does in which ``first_bad`` is the first that has the bug; give the end and what was asked."""
    known = {search.bad_end: "bad", search.good_end: "good"}
    asked = []
    while isinstance(chosen := search.next(known), str):
        assert chosen not in known
        asked.append(chosen)
        known[chosen] = "skip" if chosen in skips else "bad" if chosen >= first_bad else "good"
    return chosen, asked


@pytest.mark.parametrize("before, first_bad", list(pairwise(LINE)))
def test_each_of_twelve_is_found_in_four_steps_at_most(before, first_bad):
    found, asked = searched(LineSearch(LINE), first_bad)
    assert found == Found(first_bad, (before,))
    assert len(asked) <= 4


@pytest.mark.parametrize("before, first_bad", list(pairwise(LINE)))
@pytest.mark.parametrize("skip", LINE[1:-1])
def test_one_that_cant_be_told_is_between_only_where_it_touches_the_first_bad(before, first_bad, skip):
    found, _ = searched(LineSearch(LINE), first_bad, {skip})
    if skip == before:
        assert found == Found(first_bad, (LINE[LINE.index(before) - 1],), (skip,))
    elif skip == first_bad:
        assert found == Found(LINE[LINE.index(first_bad) + 1], (before,), (skip,))
    else:
        assert found == Found(first_bad, (before,))


def test_where_nothing_between_the_ends_can_be_told_all_of_it_is_named():
    found, asked = searched(LineSearch(LINE), "05", set(LINE[1:-1]))
    assert found == Found("12", ("00",), tuple(LINE[1:-1]))
    assert sorted(asked) == LINE[1:-1]


def test_two_neighbours_need_no_step():
    assert LineSearch(["a", "b"]).next({"b": "bad", "a": "good"}) == Found("b", ("a",))


def test_ends_of_files_come_first_and_then_the_inside_of_the_guilty_one():
    found, asked = searched(LineSearch(LINE, milestones=("04", "08", "12")), "06")
    assert found == Found("06", ("05",))
    assert set(asked[:2]) == {"04", "08"}
    assert all("04" < each < "08" for each in asked[2:])


def test_milestone_that_cant_be_told_does_not_end_the_search():
    found, _ = searched(LineSearch(LINE, milestones=("04", "08", "12")), "06", {"04", "08"})
    assert found == Found("06", ("05",))


def test_answers_that_contradict_each_other_are_no_find():
    assert isinstance(LineSearch(LINE).next({"12": "bad", "00": "good", "05": "bad", "08": "good"}), Lost)


@pytest.mark.parametrize("milestones", [(), ("04", "08", "12")])
@pytest.mark.parametrize("first_bad", LINE[1:])
def test_steps_that_are_left_are_never_fewer_than_those_that_come(first_bad, milestones):
    search = LineSearch(LINE, milestones)
    known = {"12": "bad", "00": "good"}
    while isinstance(chosen := search.next(known), str):
        before = search.left(known)
        known[chosen] = "bad" if chosen >= first_bad else "good"
        assert search.left(known) < before
    assert search.left(known) == 0
