# SPDX-License-Identifier: GPL-2.0-only
"""Shared libraries that dynamically linked programs of a guest need, found without running any of them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from testbed.build import process
from testbed.errors import BuildError

__all__ = ["INTERPRETER", "TARGET", "find_library", "is_elf", "is_static", "needed_libraries"]

#: Where libraries stand in a guest: Debian's dynamic linker looks there by itself.
TARGET = "usr/lib/x86_64-linux-gnu"
#: The dynamic linker, under the name that programs are linked with.
INTERPRETER = "lib64/ld-linux-x86-64.so.2"
_FOLDERS = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib64", "lib64", "usr/lib", "lib")
_NEEDED = re.compile(r"\(NEEDED\)\s+Shared library: \[(.+)\]")


def needed_libraries(programs: Iterable[Path], roots: Sequence[Path]) -> dict[str, Path]:
    """Each library, by the name that it is asked for, that the programs need, and that those need in turn.

    ``roots`` are searched in order: unpacked packages first, then the host's ``/``.
    """
    found: dict[str, Path] = {}
    waiting = list(programs)
    while waiting:
        program = waiting.pop()
        for name in _NEEDED.findall(process.capture(["readelf", "-dW", program])):
            if name in found:
                continue
            library = find_library(name, roots)
            if library is None:
                raise BuildError(f"{program.name} needs {name}: add its package to the guest's packages")
            found[name] = library
            waiting.append(library)
    return found


def find_library(name: str, roots: Sequence[Path]) -> Path | None:
    """The file of a library, symbolic links followed within its root."""
    for root in roots:
        for folder in _FOLDERS:
            path = root / folder / name
            if path.is_file():
                return path.resolve()
    return None


def is_elf(path: Path) -> bool:
    """Whether a file is a program or a shared library."""
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def is_static(program: Path) -> bool:
    """Whether a program runs without a dynamic linker."""
    return is_elf(program) and "INTERP" not in process.capture(["readelf", "-lW", program])
