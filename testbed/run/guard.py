# SPDX-License-Identifier: GPL-2.0-only
"""Watches a guest's console for death, and asks the kernel's own log whether it was the kernel that said so."""

from typing import Protocol

from testbed.errors import MeasureError
from testbed.judge.scanner import Scanner
from testbed.judge.signature import Sighting

__all__ = ["Guard", "Witness"]


class Witness(Protocol):
    """Whoever can read the kernel's log in the guest's memory; MeasureError where that fails."""

    def said(self, clock_s: float) -> bool:
        """Tell whether the kernel logged anything at that second of its clock."""

    def log(self) -> str:
        """Give all that the kernel has logged."""


class Guard:
    """A machine's ``Watch``. Without a witness (a guest that cannot be examined) the console is believed."""

    def __init__(self) -> None:
        self.witness: Witness | None = None
        self.refuted: set[Sighting] = set()
        self._scanner = Scanner()

    def read(self, piece: str) -> None:
        """Take what the console has said since the last call."""
        if piece:
            self._scanner.feed(piece)

    def alarmed(self) -> bool:
        """Whether there is a signature that nothing has refuted."""
        return self._scanner.first(self.refuted) is not None

    def death(self) -> str | None:
        """Name the first signature that the kernel's log does not deny; a program's lies are kept in ``refuted``."""
        while (found := self._scanner.first(self.refuted)) is not None:
            if not self._denied(found.sighting):
                return f"{found.sighting.kind}: {found.sighting.words}"
            self.refuted.add(found.sighting)
        return None

    def log(self) -> str:
        """Give the kernel's own log; empty where nobody can read it."""
        if self.witness is None:
            return ""
        try:
            return self.witness.log()
        except MeasureError:
            return ""  # the guest's memory went with QEMU

    def _denied(self, sighting: Sighting) -> bool:
        if self.witness is None:
            return False
        try:
            return not self.witness.said(sighting.clock_s)
        except MeasureError:
            # a log that cannot be read denies nothing
            return False
