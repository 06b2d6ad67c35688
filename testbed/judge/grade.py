# SPDX-License-Identifier: GPL-2.0-only
"""How reliably a bug shows: k of n attempts, and what that says of its rate."""

from dataclasses import dataclass
from math import exp, lgamma, log

__all__ = ["ALPHA", "HALF", "Grade", "quiet_chance", "quiet_runs"]

CONFIDENCE = 0.95
#: The chance of being wrong that is left where a bug is believed to be gone.
ALPHA = 0.05
HALF = 0.5
# Far beyond what anybody runs; where a bug was never seen, the answer grows without end as alpha falls.
MOST_RUNS = 1 << 40


@dataclass(frozen=True)
class Grade:
    """``shown`` of ``runs`` attempts that could be judged."""

    shown: int
    runs: int

    @property
    def interval(self) -> tuple[float, float]:
        """The Clopper-Pearson interval of the rate, 95 %; all of 0 to 1 where nothing was judged.

        >>> tuple(round(end, 3) for end in Grade(10, 10).interval)
        (0.692, 1.0)
        """
        return self._ends("two-sided")

    @property
    def excluded_above(self) -> float:
        """Rates above this one are excluded: the upper end of the one-sided interval, 95 %.

        One-sided, as of a bug that is said to be gone nobody asks whether it shows more rarely than that. For 0 of n it
        is the rate of which n quiet runs in a row have a chance of 5 %.

        >>> round(Grade(0, 10).excluded_above, 2)
        0.26
        """
        return self._ends("less")[1]

    @property
    def word(self) -> str:
        """The grade for a person, as the interval supports it.

        ``reliable``: the bug shows in more than half of all attempts, as all of the interval lies above 1/2; ``rare``:
        in less than half, as all of it lies below; ``sometimes``: it was seen, and neither can be said; ``never seen``
        in any attempt; ``not judged`` where there was none.

        >>> [Grade(*each).word for each in ((6, 6), (3, 10), (1, 10), (0, 10))]
        ['reliable', 'sometimes', 'rare', 'never seen']
        """
        if self.runs == 0:
            return "not judged"
        if self.shown == 0:
            return "never seen"
        low, high = self.interval
        return "reliable" if low > HALF else "rare" if high < HALF else "sometimes"

    @property
    def sure(self) -> bool:
        """Whether more attempts are not worth their time: it was seen, and is surely reliable or surely rare.

        6 of 6 is the soonest. To look after each attempt gives chance more openings than one look has: a bug that shows
        in just half of all attempts is called reliable within 10 of them with a chance of 3 %, within 100 of 11 %. A
        bug that was not seen yet is looked for to the end, since one that shows in 3 of 10 runs is quiet in 6 with a
        chance of 12 %.
        """
        return self.word in ("reliable", "rare")

    def _ends(self, alternative: str) -> tuple[float, float]:
        if self.runs == 0:
            return 0.0, 1.0
        # half a second of import, which a command that grades nothing need not wait for
        from scipy.stats import binomtest  # type: ignore[import-untyped]

        found = binomtest(self.shown, self.runs, alternative=alternative).proportion_ci(CONFIDENCE, method="exact")
        return float(found.low), float(found.high)


def quiet_runs(grade: Grade, alpha: float = ALPHA) -> int:
    """Give how many runs in a row that do not show a bug are needed to believe that it is gone.

    ``grade`` is that of where it is there. Its rate p is then Beta(a, b) distributed, a = k + 1/2 and b = n - k + 1/2
    (Jeffreys' prior), and m runs are quiet by chance with E[(1 - p)^m] = B(a, b + m) / B(a, b). The answer is the
    smallest m for which that is at most ``alpha``.
    ValueError for an ``alpha`` that is no probability between 0 and 1.

    >>> [quiet_runs(Grade(*each)) for each in ((6, 6), (10, 10), (5, 10), (3, 10), (1, 10))]
    [2, 1, 6, 12, 63]
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha}: is to be a probability between 0 and 1, like {ALPHA}")
    a, b = grade.shown + HALF, grade.runs - grade.shown + HALF
    before, most = 0, 1
    while _chance(a, b, most) > log(alpha) and most < MOST_RUNS:
        before, most = most, most * 2
    while most - before > 1:
        middle = (before + most) // 2
        if _chance(a, b, middle) > log(alpha):
            before = middle
        else:
            most = middle
    return most


def quiet_chance(grade: Grade, runs: int) -> float:
    """Give the chance that so many runs are quiet where the bug is as reliable as ``grade``: see :func:`quiet_runs`.

    >>> round(quiet_chance(Grade(3, 10), 12), 3)
    0.048
    """
    return exp(_chance(grade.shown + HALF, grade.runs - grade.shown + HALF, runs))


def _chance(a: float, b: float, runs: int) -> float:
    """Give the logarithm of the chance that so many runs are quiet although the bug is there."""
    return lgamma(b + runs) - lgamma(b) + lgamma(a + b) - lgamma(a + b + runs)
