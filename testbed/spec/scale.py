# SPDX-License-Identifier: GPL-2.0-only
"""The two scales of a scenario, and values that differ between them."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from testbed.spec.hints import unknown

__all__ = ["SCALES", "Scaled", "check_scale"]

SCALES = ("full", "small")
T = TypeVar("T")


@dataclass(frozen=True)
class Scaled(Generic[T]):
    """A value at ``small`` (quick even on TCG) and at ``full`` scale."""

    small: T
    full: T

    def at(self, scale: str) -> T:
        """Return the value at one scale; ValueError if there is no such scale."""
        return self.full if check_scale(scale) == "full" else self.small


def check_scale(scale: str) -> str:
    """Return the scale if it is one."""
    if scale not in SCALES:
        raise ValueError(unknown("scale", scale, SCALES))
    return scale
