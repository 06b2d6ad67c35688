# SPDX-License-Identifier: GPL-2.0-only
"""A console read as it comes, in pieces of any size: which signatures of death have gone by."""

from collections.abc import Collection
from dataclasses import dataclass

from testbed.judge.signature import Sighting, find_sighting, has_level

__all__ = ["Found", "Scanner"]

# No line of printk is longer (PRINTK_MESSAGE_MAX in kernel/printk/internal.h is 2048); what is, is a program's noise,
# and it is not read again and again while it grows.
LONGEST_LINE = 4096


@dataclass(frozen=True)
class Found:
    """A sighting, and the index of its line in the console (from 0)."""

    sighting: Sighting
    line: int


class Scanner:
    """A sliding view: whole lines are looked at once, the unfinished last one again with each piece.

    A signature may be split between pieces, or stand in the middle of a program's line.
    """

    def __init__(self) -> None:
        self._tail = ""
        self._lines = 0
        self._levelled = False
        self._found: list[Found] = []

    def feed(self, piece: str) -> None:
        """Take what the console has said since the last call (any newlines, any cuts)."""
        text = self._tail + piece
        # a CR may be the first half of CR LF
        held = "\r" if text.endswith("\r") else ""
        *lines, rest = text.removesuffix("\r").replace("\r\n", "\n").split("\n")
        for line in lines:
            self._look(line)
        while len(rest) > LONGEST_LINE:
            self._look(rest[:LONGEST_LINE], whole=False)
            rest = rest[LONGEST_LINE // 2 :]
        self._tail = rest + held

    def found(self) -> list[Found]:
        """Give all signatures so far, in order, one in the unfinished last line among them."""
        last = find_sighting(self._tail, self._levelled)
        known = {found.sighting for found in self._found}
        return [*self._found, *([Found(last, self._lines)] if last and last not in known else [])]

    def first(self, refuted: Collection[Sighting] = ()) -> Found | None:
        """Give the first signature that is not among ``refuted``."""
        return next((found for found in self.found() if found.sighting not in refuted), None)

    def _look(self, line: str, whole: bool = True) -> None:
        self._levelled = self._levelled or has_level(line)
        sighting = find_sighting(line, self._levelled)
        if sighting is not None and all(found.sighting != sighting for found in self._found):
            self._found.append(Found(sighting, self._lines))
        self._lines += whole
