# SPDX-License-Identifier: GPL-2.0-only
"""The fastest way to a guest's memory that this host allows: its shared memory file, QEMU's own memory, or drgn."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from drgn import FaultError, Program

from testbed.errors import MeasureError
from testbed.measure.census.blocks import kernel_blocks
from testbed.measure.census.kernel import read_kernel
from testbed.measure.census.memory import Block, DrgnMemory, FileMemory, Memory, QemuMemory

__all__ = ["WAYS", "guest_memory", "guest_memory_by"]

WAYS = ("mmap", "process_vm_readv", "drgn")
# A line of /proc/PID/maps: proc(5)
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r..(.) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+)")
PAGE_BYTES = 4096


def guest_memory(prog: Program, pid: int, blocks: Sequence[Block]) -> Memory:
    """Give the first way that works, fastest first; ``pid`` is QEMU's, ``blocks`` by its own addresses."""
    for way in WAYS[:-1]:
        try:
            return guest_memory_by(way, prog, pid, blocks)
        except MeasureError:
            continue
    return guest_memory_by(WAYS[-1], prog, pid, blocks)


def guest_memory_by(way: str, prog: Program, pid: int, blocks: Sequence[Block]) -> Memory:
    """Give one of ``WAYS``; MeasureError where this host, or the way this guest was started, does not let it."""
    memory: Memory
    if way == "mmap":
        memory = _mapped(pid, blocks)
    elif way == "process_vm_readv":
        memory = QemuMemory(pid, blocks)
    else:
        return DrgnMemory(prog, kernel_blocks(prog))
    # a read tells what rights do not (a security module may forbid it), and that this is the guest's process: the one
    # that opened a monitor's socket may be another
    kernel = read_kernel(prog)
    top = kernel.physical(kernel.kernel_pgd)
    here = np.array([top], dtype=np.uint64)
    try:
        same = memory.inside(here, PAGE_BYTES)[0] and memory.gather(here, PAGE_BYTES).tobytes() == prog.read(
            top, PAGE_BYTES, physical=True
        )
    except FaultError as error:
        raise MeasureError(f"the guest's memory can't be read: {error}") from error
    if not same:
        raise MeasureError(f"the memory of process {pid} is not that of the guest")
    return memory


def _mapped(pid: int, blocks: Sequence[Block]) -> FileMemory:
    """Map the file that all the guest's RAM is in; a memfd has no path, but QEMU holds it open."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        places = [_place(maps, block) for block in blocks]
        files = {place[0] for place in places}
        if len(files) != 1:
            raise MeasureError("the guest's RAM is in several files")
        (file,) = files
        path = next(path for path in Path(f"/proc/{pid}/fd").iterdir() if _identity(path) == file)
    except StopIteration:
        raise MeasureError("QEMU does not hold the guest's RAM file open") from None
    except OSError as error:
        raise MeasureError(f"QEMU's mappings can't be read: {error.strerror}") from error
    at = [Block(block.start, block.size, place[1]) for block, place in zip(blocks, places, strict=True)]
    return FileMemory(path, at)


def _identity(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino


def _place(maps: Sequence[str], block: Block) -> tuple[tuple[int, int], int]:
    """Device, inode and offset of a block's first byte; MeasureError where it is no shared file's."""
    for line in maps:
        found = MAPPING.match(line)
        if found and int(found[1], 16) <= block.at < int(found[2], 16):
            if found[3] != "s" or block.at + block.size > int(found[2], 16):
                break
            device = os.makedev(int(found[5], 16), int(found[6], 16))
            return (device, int(found[7])), int(found[4], 16) + block.at - int(found[1], 16)
    raise MeasureError("the guest's RAM is no shared memory file")
