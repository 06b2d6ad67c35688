# SPDX-License-Identifier: GPL-2.0-only
"""Bulk reads of a guest's physical memory, thousands of places at a time, by whichever way a host allows.

All ways give the same bytes; they differ in speed. A way's ``blocks`` say which physical addresses are RAM.
"""

import ctypes
import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from drgn import FaultError, Program
from numpy.typing import NDArray

from testbed.errors import MeasureError

__all__ = ["Block", "DrgnMemory", "FileMemory", "Memory", "QemuMemory"]

# IOV_MAX of Linux: segments that one process_vm_readv() takes.
SEGMENTS = 1024

U64 = NDArray[np.uint64]


@dataclass(frozen=True)
class Block:
    """Bytes of RAM at physical address ``start``; ``at`` is where they lie (address in QEMU, or offset in a file)."""

    start: int
    size: int
    at: int


class Memory(ABC):
    """Physical memory of a guest, found by binary search among its blocks; ``end`` is the first address behind it."""

    way: ClassVar[str]

    def __init__(self, blocks: Sequence[Block]) -> None:
        ordered = list(_apart(blocks))
        self._start = np.array([block.start for block in ordered], dtype=np.uint64)
        self._size = np.array([block.size for block in ordered], dtype=np.uint64)
        self._place = np.array([block.at for block in ordered], dtype=np.uint64)
        self.end = max((block.start + block.size for block in ordered), default=0)

    def inside(self, addresses: U64, size: int) -> NDArray[np.bool_]:
        """Tell which of the pieces of ``size`` bytes are wholly RAM."""
        if not len(self._start):
            return np.zeros(len(addresses), dtype=np.bool_)
        index = self._index(addresses)
        # an address below the block wraps round to a huge offset
        offset = addresses - self._start[index]
        return (offset < self._size[index]) & (self._size[index] - offset >= np.uint64(size))

    @abstractmethod
    def gather(self, addresses: U64, size: int, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Read ``size`` bytes at each address: an array of shape (addresses, size). All must be inside.

        ``into`` is room that may be used for it, of that many bytes in each row and at least as many rows: fresh
        memory costs more than the copy. Raises MeasureError where the host lets nothing be read.
        """

    def _at(self, addresses: U64) -> U64:
        """Give where each address lies."""
        if not len(self._start):
            return addresses
        index = self._index(addresses)
        return addresses - self._start[index] + self._place[index]

    def _index(self, addresses: U64) -> NDArray[np.intp]:
        return np.maximum(np.searchsorted(self._start, addresses, side="right").astype(np.intp) - 1, 0)


def _apart(blocks: Sequence[Block]) -> Iterator[Block]:
    """Blocks in order, without what others hold already: a kernel's vmcore has its own image twice."""
    end = 0
    for block in sorted(blocks, key=lambda block: (block.start, -block.size)):
        known = max(end - block.start, 0)
        if known < block.size:
            yield Block(block.start + known, block.size - known, block.at + known)
            end = block.start + block.size


class QemuMemory(Memory):
    """RAM of a running QEMU, copied out of its address space by ``process_vm_readv`` (needs ptrace rights on it)."""

    way = "process_vm_readv"

    def __init__(self, pid: int, blocks: Sequence[Block]) -> None:
        super().__init__(blocks)
        self._pid = pid
        call = ctypes.CDLL(None, use_errno=True).process_vm_readv
        word = ctypes.c_ulong
        call.argtypes = [ctypes.c_int, ctypes.c_void_p, word, ctypes.c_void_p, word, word]
        call.restype = ctypes.c_ssize_t
        self._call = call

    def gather(self, addresses: U64, size: int, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Read ``size`` bytes at each address; MeasureError where that fails."""
        out = np.empty((len(addresses), size), dtype=np.uint8) if into is None else into[: len(addresses)]
        at = self._at(addresses)
        # neighbours are read as one piece
        first = np.flatnonzero(np.diff(at, prepend=np.uint64(0)) != size)
        if len(at) and (not len(first) or first[0] != 0):
            first = np.concatenate(([0], first))
        pieces = np.empty((len(first), 2), dtype=np.uint64)
        pieces[:, 0] = at[first]
        pieces[:, 1] = np.diff(first, append=len(at)) * size
        done = 0
        for begin in range(0, len(pieces), SEGMENTS):
            done += self._read(pieces[begin : begin + SEGMENTS], out, done)
        return out

    def _read(self, pieces: U64, out: NDArray[np.uint8], done: int) -> int:
        want = int(pieces[:, 1].sum())
        local = np.array([[out.ctypes.data + done, want]], dtype=np.uint64)
        got = self._call(self._pid, local.ctypes.data, 1, pieces.ctypes.data, len(pieces), 0)
        if got != want:
            why = os.strerror(ctypes.get_errno()) if got < 0 else f"{got} of {want} bytes came"
            raise MeasureError(f"memory of QEMU (pid {self._pid}) can't be read: {why}")
        return want


class FileMemory(Memory):
    """RAM in a file: a guest's shared memory file, or an uncompressed ELF dump. Mapped, never read as a whole."""

    way = "mmap"

    def __init__(self, path: Path, blocks: Sequence[Block]) -> None:
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise MeasureError(f"{path}: {error}") from error
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)
        super().__init__([block for block in blocks if block.at + block.size <= len(self._bytes)])

    def gather(self, addresses: U64, size: int, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Read ``size`` bytes at each address; MeasureError where that fails."""
        at = self._at(addresses)
        if not len(at):
            return np.empty((0, size), dtype=np.uint8)
        # pieces that lie in step are rows of one array, taken at once
        skew = int(at[0]) % size
        if (at % np.uint64(size) == skew).all():
            whole = (len(self._bytes) - skew) // size
            rows = self._bytes[skew : skew + whole * size].reshape(whole, size)
            index = ((at - np.uint64(skew)) // np.uint64(size)).astype(np.intp)
            # "clip" lets numpy write in place; all are inside
            return rows.take(index, axis=0, out=None if into is None else into[: len(at)], mode="clip")
        return np.stack([self._bytes[int(begin) : int(begin) + size] for begin in at])


class DrgnMemory(Memory):
    """RAM through drgn, a read a piece: slow, and allowed where nothing else is."""

    way = "drgn"

    def __init__(self, prog: Program, blocks: Sequence[Block]) -> None:
        super().__init__(blocks)
        self._prog = prog

    def gather(self, addresses: U64, size: int, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Read ``size`` bytes at each address; MeasureError where that fails."""
        try:
            pieces = [self._prog.read(address, size, physical=True) for address in addresses.tolist()]
        except (FaultError, OSError) as error:
            raise MeasureError(f"memory of the guest can't be read: {error}") from error
        del into  # drgn gives bytes of its own
        return np.frombuffer(b"".join(pieces), dtype=np.uint8).reshape(len(addresses), size)
