# SPDX-License-Identifier: GPL-2.0-only
"""Where along a line of candidates a bug came in: what to look at next, from what is known."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["Answer", "Found", "LineSearch", "Lost", "Strategy", "bits"]

#: Of a candidate: it does not have the bug, it has, or it can't be told, such as of a kernel that does not build.
Answer = Literal["good", "bad", "skip"]


@dataclass(frozen=True)
class Found:
    """``first_bad`` has the bug and ``last_good``, right before it, has not: two of them, before a merge.

    ``between`` are candidates of which nothing could be told: the bug may have come with any of them as well.
    """

    first_bad: str
    last_good: tuple[str, ...]
    between: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lost:
    """The search can't go on; ``unjudged`` where that is for want of answers, and not because of them."""

    reason: str
    unjudged: bool = False


class Strategy(Protocol):
    """Chooses from what is known alone, so that a search can be gone on with from its log."""

    @property
    def good_end(self) -> str:
        """The candidate that is said not to have the bug."""

    @property
    def bad_end(self) -> str:
        """The candidate that is said to have it."""

    def next(self, known: Mapping[str, Answer]) -> str | Found | Lost:
        """Give what to look at next; ``known`` has both ends."""

    def left(self, known: Mapping[str, Answer]) -> int:
        """Give how many more answers it takes, if none of them is a skip."""


def bits(count: int) -> int:
    """Give how many halvings leave one of ``count``.

    >>> [bits(count) for count in (1, 2, 3, 12)]
    [0, 1, 2, 4]
    """
    return (max(count, 1) - 1).bit_length()


@dataclass(frozen=True)
class LineSearch:
    """Candidates of which each has what those before it have, the good end first.

    ``milestones`` are looked at before what lies between them: the ends of files, of which the guilty one is searched
    then.
    """

    line: Sequence[str]
    milestones: Collection[str] = ()

    @property
    def good_end(self) -> str:
        """The first."""
        return self.line[0]

    @property
    def bad_end(self) -> str:
        """The last."""
        return self.line[-1]

    def next(self, known: Mapping[str, Answer]) -> str | Found | Lost:
        """Give the candidate nearest to the middle of what is open, a milestone where there is one."""
        low, high = self._bounds(known)
        if low > high:
            return Lost(f"{self.line[high]} has the bug and {self.line[low]}, which comes after it, has not")
        inside = self.line[low + 1 : high]
        unknown = [candidate for candidate in inside if candidate not in known]
        if not unknown:
            return Found(self.line[high], (self.line[low],), tuple(inside))
        chosen = [candidate for candidate in unknown if candidate in self.milestones] or unknown
        return min(chosen, key=lambda candidate: abs(2 * self.line.index(candidate) - low - high))

    def left(self, known: Mapping[str, Answer]) -> int:
        """Give the halvings of the milestones, and those of the longest stretch between two of them."""
        low, high = self._bounds(known)
        unknown = [at for at in range(low + 1, high) if self.line[at] not in known]
        marks = [at for at in unknown if self.line[at] in self.milestones]
        if not marks:
            return bits(len(unknown) + 1)
        stretches = [after - before for before, after in zip([low, *marks], [*marks, high], strict=True)]
        return bits(len(stretches)) + bits(max(stretches))

    def _bounds(self, known: Mapping[str, Answer]) -> tuple[int, int]:
        low = max(at for at, candidate in enumerate(self.line) if known.get(candidate) == "good")
        high = min(at for at, candidate in enumerate(self.line) if known.get(candidate) == "bad")
        return low, high
