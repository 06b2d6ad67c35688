# SPDX-License-Identifier: GPL-2.0-only
"""What k of n attempts say of a bug, checked against counting by hand and against simulated bugs."""

import random
from math import comb, prod

import pytest

from testbed.judge.grade import Grade, quiet_runs

SEED = 20261124


def binomial(shown: int, runs: int, rate: float) -> float:
    return comb(runs, shown) * rate**shown * (1 - rate) ** (runs - shown)


@pytest.mark.parametrize(("shown", "runs"), [(0, 10), (3, 10), (6, 6), (9, 10), (1, 9)])
def test_interval_ends_where_the_result_or_one_further_away_has_a_chance_of_one_in_forty(shown, runs):
    low, high = Grade(shown, runs).interval
    if shown:
        assert sum(binomial(k, runs, low) for k in range(shown, runs + 1)) == pytest.approx(0.025)
    if shown < runs:
        assert sum(binomial(k, runs, high) for k in range(shown + 1)) == pytest.approx(0.025)


@pytest.mark.parametrize("runs", [1, 10, 59, 300])
def test_a_rate_is_excluded_by_quiet_runs_that_it_would_give_once_in_twenty_times(runs):
    assert (1 - Grade(0, runs).excluded_above) ** runs == pytest.approx(0.05)


def test_nothing_judged_excludes_nothing():
    grade = Grade(0, 0)
    assert (grade.interval, grade.excluded_above, grade.word, grade.sure) == ((0, 1), 1, "not judged", False)


@pytest.mark.parametrize("runs", range(1, 41))
def test_word_says_only_what_the_interval_supports(runs):
    for shown in range(runs + 1):
        grade = Grade(shown, runs)
        low, high = grade.interval
        assert (grade.word == "reliable") == (low > 0.5)
        assert (grade.word == "rare") == (high < 0.5 and shown > 0)
        assert (grade.word == "never seen") == (shown == 0)


def test_six_of_six_is_the_soonest_that_ends_a_search():
    sure = [(shown, runs) for runs in range(1, 7) for shown in range(runs + 1) if Grade(shown, runs).sure]
    assert sure == [(6, 6)]


def test_bug_that_was_not_seen_is_looked_for_to_the_end():
    assert not any(Grade(0, runs).sure for runs in range(100))


def test_stopping_once_sure_keeps_the_word_true():
    """A search that looks after each attempt has more chances to be misled; a word is still wrong in few of them."""
    dice = random.Random(SEED)
    wrong = 0
    for _ in range(2000):
        rate, grade = dice.random(), Grade(0, 0)
        while grade.runs < 20 and not grade.sure:
            grade = Grade(grade.shown + (dice.random() < rate), grade.runs + 1)
        wrong += (grade.word == "reliable" and rate < 0.5) or (grade.word == "rare" and rate > 0.5)
    assert wrong / 2000 < 0.03


@pytest.mark.parametrize(("shown", "runs"), [(6, 6), (10, 10), (5, 10), (3, 10), (1, 10), (0, 3), (0, 0)])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01])
def test_quiet_runs_are_the_fewest_that_a_bug_of_that_grade_seldom_gives(shown, runs, alpha):
    def chance(quiet: int) -> float:
        a, b = shown + 0.5, runs - shown + 0.5
        return prod((b + each) / (a + b + each) for each in range(quiet))

    needed = quiet_runs(Grade(shown, runs), alpha)
    assert chance(needed) <= alpha < chance(needed - 1)


def test_simulated_bug_that_shows_in_three_of_ten_is_seldom_taken_for_gone():
    dice, believed, searches = random.Random(SEED), 0, 4000
    for _ in range(searches):
        there = Grade(sum(dice.random() < 0.3 for _ in range(10)), 10)
        needed = quiet_runs(there) if there.shown else None
        believed += needed is not None and not any(dice.random() < 0.3 for _ in range(needed))
    assert believed / searches < 0.06


@pytest.mark.parametrize("alpha", [0, 1, -0.5, 2])
def test_alpha_that_is_no_chance_is_refused(alpha):
    with pytest.raises(ValueError, match="probability"):
        quiet_runs(Grade(6, 6), alpha)
