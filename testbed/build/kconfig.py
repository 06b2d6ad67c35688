# SPDX-License-Identifier: GPL-2.0-only
"""Which options a kernel source has, as kconfig would find them: from the top ``Kconfig`` down all that it sources.

A kernel entry may leave out options of the shared fragments that its source doesn't have. Only a list that is true
may stand there, since an option that is left out is not compared with the result.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from testbed.errors import SpecError
from testbed.spec import Absent

__all__ = ["check_absent", "options"]

_SOURCED = re.compile(r'^\s*source\s+"([^"]+)"', re.M)
_OPTION = re.compile(r"^\s*(?:menu)?config\s+(\w+)\s*$", re.M)
_ARCH = "x86"


def check_absent(tree: Path, absent: Sequence[Absent]) -> None:
    """Raise SpecError for the first option that is left out though the source has it."""
    if not absent:
        return
    there = options(tree)
    for each in absent:
        if each.option in there:
            raise SpecError(f"{each.where}: without: this source has {each.option}; take it out, it can be asked for")


def options(tree: Path) -> frozenset[str]:
    """Every ``CONFIG_`` name that the source defines for x86, whatever it depends on."""
    found: set[str] = set()
    to_read, seen = ["Kconfig"], set()
    while to_read:
        name = to_read.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            text = (tree / name).read_text(errors="replace")
        except OSError:
            continue  # named by a variable that only another architecture sets; kconfig itself tells a missing file
        found.update(f"CONFIG_{option}" for option in _OPTION.findall(text))
        to_read += [name.replace("$(SRCARCH)", _ARCH) for name in _SOURCED.findall(text)]
    return frozenset(found)
