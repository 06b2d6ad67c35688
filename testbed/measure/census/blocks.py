# SPDX-License-Identifier: GPL-2.0-only
"""Which physical addresses of a guest are RAM, as QEMU, a dump or the kernel itself tells it."""

import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drgn import FaultError, Program

from testbed.errors import MeasureError
from testbed.measure.census.memory import Block

__all__ = ["dump_blocks", "kernel_blocks", "qemu_blocks"]

Execute = Callable[[str, Mapping[str, object]], Any]

# A range of a flat view: "  0000000000100000-000000003fffffff (prio 0, ram): pc.ram @0000000000100000"
RANGE = re.compile(r"^\s+([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, ram\): (\S+)", re.M)
HOST = re.compile(r"Host virtual address for 0x[0-9a-f]+ \(.*\) is 0x([0-9a-f]+)")

# Elf64_Ehdr and Elf64_Phdr: System V ABI, AMD64 supplement
ELF_MAGIC = b"\x7fELF\x02\x01"
PROGRAM_HEADERS = struct.Struct("<32xQ14xHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
PT_LOAD = 1

SYSTEM_RAM = b"System RAM\0"
# An x86-64 address has 52 bits at the most. A list that garbage made endless is left after as many steps.
PHYSICAL_END = 1 << 52
MOST = 1 << 12


def qemu_blocks(execute: Execute) -> tuple[Block, ...]:
    """Ask a QEMU monitor (HMP ``info mtree -f`` and ``gpa2hva`` through QMP); addresses are QEMU's own.

    MeasureError when the answer is not understood.
    """

    def ask(line: str) -> str:
        return str(execute("human-monitor-command", {"command-line": line}))

    view = ask("info mtree -f").split("FlatView")
    system = next((part for part in view if re.search(r'AS "memory"', part)), "")
    blocks = []
    for first, last, _ in RANGE.findall(system):
        start = int(first, 16)
        said = ask(f"gpa2hva {start:#x}")
        found = HOST.search(said)
        if not found:
            raise MeasureError(f"QEMU's gpa2hva {start:#x} said {said.strip()!r}")
        blocks.append(Block(start, int(last, 16) - start + 1, int(found[1], 16)))
    if not blocks:
        raise MeasureError("QEMU's memory tree (info mtree -f) shows no RAM")
    return tuple(blocks)


def dump_blocks(path: Path) -> tuple[Block, ...] | None:
    """Blocks of an ELF dump by file offset; None where the file is no plain ELF dump (a compressed one, say)."""
    with path.open("rb") as file:
        head = file.read(64)
        if not head.startswith(ELF_MAGIC):
            return None
        offset, size, count = PROGRAM_HEADERS.unpack_from(head)
        file.seek(offset)
        table = file.read(size * count)
    blocks = []
    for at in range(0, len(table) - PROGRAM_HEADER.size + 1, size):
        kind, _, offset, _, physical, stored, _, _ = PROGRAM_HEADER.unpack_from(table, at)
        if kind == PT_LOAD and stored:
            blocks.append(Block(physical, stored, offset))
    return tuple(blocks)


def kernel_blocks(prog: Program) -> tuple[Block, ...]:
    """Ask the kernel's own list of resources (``iomem_resource`` in kernel/resource.c) for its System RAM."""
    blocks = []
    try:
        resource = prog.variable("iomem_resource").child.read_()
        for _ in range(MOST):
            if not resource:
                break
            start, end = resource.start.value_(), resource.end.value_()
            if start <= end < PHYSICAL_END and prog.read(resource.name.value_(), len(SYSTEM_RAM)) == SYSTEM_RAM:
                blocks.append(Block(start, end - start + 1, start))
            resource = resource.sibling.read_()
    except (LookupError, FaultError, OSError) as error:
        raise MeasureError(f"the kernel's list of RAM can't be read: {error}") from error
    return tuple(blocks)
