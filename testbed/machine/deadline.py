# SPDX-License-Identifier: GPL-2.0-only
"""A deadline is an object that is passed down, not a number that is added up again at each level."""

import time
from dataclasses import dataclass

__all__ = ["Deadline"]


@dataclass(frozen=True)
class Deadline:
    """A point in time (seconds of ``time.monotonic``) after which waiting is over."""

    at: float
    allowed_s: float

    @classmethod
    def after(cls, seconds: float, slowdown: float = 1.0) -> "Deadline":
        """Give the deadline ``seconds * slowdown`` from now; the factor covers TCG and debug kernels."""
        allowed = seconds * slowdown
        return cls(time.monotonic() + allowed, allowed)

    @property
    def left_s(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.at
