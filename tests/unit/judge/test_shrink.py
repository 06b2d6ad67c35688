# SPDX-License-Identifier: GPL-2.0-only
"""A number is made small with few tries, and a bug that fades is not called as reliable as before."""

import random

import pytest

from testbed.judge.grade import Grade
from testbed.judge.shrink import Still, shrink

PAGE = 4096


def shrunk(value, least, unit, limit):
    tried = []

    def holds(number):
        tried.append(number)
        return number >= limit

    return shrink(value, least, unit, holds), tried


@pytest.mark.parametrize("limit", [PAGE, 3 << 20, 5 << 20, (1 << 30) - PAGE, 1 << 30])
def test_size_is_found_to_within_an_eighth_in_a_dozen_tries(limit):
    found, tried = shrunk(1 << 30, PAGE, PAGE, limit)
    assert limit <= found <= limit * 9 / 8
    assert found % PAGE == 0
    assert len(tried) <= 12
    assert len(set(tried)) == len(tried)


def test_least_is_tried_first_and_is_all_where_it_holds():
    assert shrunk(1 << 30, PAGE, PAGE, 0) == (PAGE, [PAGE])


def test_small_numbers_are_found_exactly():
    for limit in range(1, 9):
        assert shrunk(8, 1, 1, limit)[0] == limit


def test_number_that_is_small_already_stays():
    assert shrunk(1, 1, 1, 0) == (1, [])


def judged(before, rate, luck):
    still = Still(before)
    shown = runs = 0
    while runs < still.most and still.holds(Grade(shown, runs)) is None:
        runs += 1
        shown += luck.random() < rate
    return still.holds(Grade(shown, runs)) is True


@pytest.mark.parametrize("before", [Grade(6, 6), Grade(5, 17)])
def test_as_reliable_as_before_is_kept_and_a_third_of_it_is_not(before):
    luck = random.Random(1)
    rate = before.shown / before.runs
    kept = sum(judged(before, rate, luck) for _ in range(400))
    faded = sum(judged(before, rate / 3, luck) for _ in range(400))
    assert kept >= 0.8 * 400
    assert faded <= 0.08 * 400


def test_bug_that_always_shows_is_kept_after_three_and_refused_after_two():
    still = Still(Grade(5, 5))
    assert [still.holds(Grade(shown, shown)) for shown in range(4)] == [None, None, None, True]
    assert [still.holds(Grade(0, runs)) for runs in range(3)] == [None, None, False]
