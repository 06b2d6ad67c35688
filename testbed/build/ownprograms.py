# SPDX-License-Identifier: GPL-2.0-only
"""Programs that a guest has for one bug alone: a C file compiled as the other workloads are, or a script.

A script's parameters are variables of the same name. How it marks phases is a program of ``guests/shell``, which only
guests with a script have.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from testbed.build import process
from testbed.errors import SpecError
from testbed.spec import Program, Script

__all__ = ["MARKS", "make_programs", "programs_key"]

#: Where the program that marks a phase stands in the guest, and the other name that it answers to.
MARKS = ("usr/bin/tb-phase", "usr/bin/tb-value")
#: Turns --NAME=VALUE into a variable, with a "_" for each "-" of the name.
PROLOGUE = """\
#!/bin/sh
for tb in "$@"; do
	tb="${tb#--}"
	tb_name="${tb%%=*}"
	export "${tb_name//-/_}=${tb#*=}"
done
"""


def programs_key(root: Path, programs: Sequence[Program]) -> list[list[str]]:
    """Content of the programs and of what they may include, for the key of the image; empty without programs."""
    found = []
    for program in programs:
        if isinstance(program, Script):
            found += [[program.name, _sum(_script(program))], [_marks(root).name, _sum(_marks(root).read_bytes())]]
            continue
        if not program.is_file():
            raise SpecError(f"{program}: no such file; it was there when the bug's file was read")
        found += [[path.name, _sum(path.read_bytes())] for path in (program, *sorted(program.parent.glob("*.h")))]
    return found


def make_programs(
    root: Path, programs: Sequence[Program], work: Path, flags: Sequence[str], linkage: Sequence[str], log: Path
) -> dict[str, Path]:
    """Compile or write each program into ``work``; gives where in the image each goes, and where it is now.

    Raises BuildError, with what the compiler said in ``log``.
    """
    headers: tuple[str | Path, ...] = ("-iquote", root / "guests" / "workloads")
    made: dict[str, Path] = {}
    for program in programs:
        target = work / f"own-{program.name}"
        if isinstance(program, Script):
            target.write_bytes(_script(program))
            made[f"workloads/{program.name}"] = target
            marks = work / "tb-mark"
            process.run(["gcc", *flags, "-static", *headers, "-o", marks, _marks(root)], log)
            made |= dict.fromkeys(MARKS, marks)
        else:
            mapped = f"-ffile-prefix-map={program.parent}=."
            process.run(["gcc", *flags, *linkage, mapped, *headers, "-o", target, program], log)
            made[f"workloads/{program.stem}"] = target
    return made


def _script(script: Script) -> bytes:
    return (PROLOGUE + script.text).encode()


def _marks(root: Path) -> Path:
    return root / "guests" / "shell" / "tb-mark.c"


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
