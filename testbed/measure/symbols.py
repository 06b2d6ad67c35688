# SPDX-License-Identifier: GPL-2.0-only
"""From a kernel's addresses to functions, files and lines: System.map, and vmlinux's DWARF read by addr2line."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from testbed.build import process
from testbed.errors import BuildError, HostError, MeasureError

__all__ = ["Place", "Symbols"]

CODE = "tTwW"


@dataclass(frozen=True)
class Place:
    """One function that an address is in: inlined ones come before the one they were inlined into."""

    function: str
    where: str


class Symbols:
    """The symbols of one built kernel, which runs where it was linked (``nokaslr``)."""

    def __init__(self, vmlinux: Path) -> None:
        """``vmlinux`` has its System.map beside it."""
        self._vmlinux = vmlinux

    @cached_property
    def _table(self) -> tuple[list[int], list[str]]:
        rows = []
        try:
            text = self._vmlinux.with_name("System.map").read_text()
        except OSError as error:
            raise MeasureError(f"{error.filename}: {error.strerror}") from error
        for line in text.splitlines():
            address, kind, name = line.split(" ", 2)
            if kind in CODE:
                rows.append((int(address, 16), name))
        rows.sort()
        return [address for address, _ in rows], [name for _, name in rows]

    def near(self, address: int) -> str | None:
        """Give ``function+0xoffset`` for an address of the kernel's code, None for any other."""
        addresses, names = self._table
        at = bisect.bisect_right(addresses, address) - 1
        if at < 0 or at == len(addresses) - 1:
            return None
        return f"{names[at]}+{address - addresses[at]:#x}"

    def address(self, function: str, size: int) -> int | None:
        """Give where a function starts; ``size`` (bytes, as in a trace) tells apart those that share a name."""
        addresses, names = self._table
        found = [at for at, name in enumerate(names) if name == function]
        if not found:
            return None
        fitting = [at for at in found if at + 1 < len(addresses) and addresses[at + 1] - addresses[at] == size]
        return addresses[(fitting or found)[0]]

    def places(self, addresses: Sequence[int]) -> list[list[Place]]:
        """Give for each address the functions it is in, innermost first; MeasureError without addr2line or DWARF."""
        if not addresses:
            return []
        argv: list[str | Path] = ["addr2line", "-a", "-i", "-f", "-e", self._vmlinux, *map(hex, addresses)]
        try:
            lines = process.capture(argv).splitlines()
        except (BuildError, HostError) as error:
            raise MeasureError(f"addr2line: {error}") from error
        found: list[list[Place]] = []
        rest = iter(lines)
        for line in rest:
            if line.startswith("0x"):
                found.append([])
            else:
                found[-1].append(Place(line, _relative(next(rest, "??:0"))))
        return found


def _relative(where: str) -> str:
    """Cut the build's folder and addr2line's remarks off ``/…/linux/mm/memory.c:12 (discriminator 3)``."""
    path = where.partition(" (")[0]
    return path.rpartition("/linux/")[2].removeprefix("./")
