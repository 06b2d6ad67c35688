# SPDX-License-Identifier: GPL-2.0-only
"""How reliably a bug shows: k of n attempts, and what that says of its rate."""

from dataclasses import dataclass

__all__ = ["Grade"]

CONFIDENCE = 0.95


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
        if self.runs == 0:
            return 0.0, 1.0
        # half a second of import, which a command that grades nothing need not wait for
        from scipy.stats import binomtest  # type: ignore[import-untyped]

        found = binomtest(self.shown, self.runs).proportion_ci(CONFIDENCE, method="exact")
        return float(found.low), float(found.high)
