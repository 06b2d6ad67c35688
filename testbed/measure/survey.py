# SPDX-License-Identifier: GPL-2.0-only
"""How much of this very host's page-table memory nobody needs, process by process; no guest, no patched kernel.

A PTE table is needed where its 2 MiB hold a present or swapped page other than the shared zeropage; so is the table
that a huge anonymous page keeps to be split into; a PMD or PUD table where one below it is. What VmPTE (PTE, PMD and
PUD tables, ``mm_pgtables_bytes``) has beyond that is waste.
"""

import os
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import MeasureError
from testbed.measure.pagemap import NOTHING, Ranges, Reader, by_entries, by_scan, scan_works, zeropage_frame

__all__ = ["Process", "Survey", "needed_kb", "reader", "resident_kb", "survey", "total_ram_kb"]

PROC = Path("/proc")
TABLE_KB = 4
CHUNK_SHIFT = 30
RANGE_SHIFT = 21
PMD_RANGES = 1 << (CHUNK_SHIFT - RANGE_SHIFT)
PUD_RANGES = 1 << (39 - RANGE_SHIFT)
# The kernel's own half, where [vsyscall] is shown: its tables are nobody's.
USER_END = 1 << 56
# Half-width of a 95 % interval, in standard errors.
CONFIDENCE = 1.96


@dataclass(frozen=True)
class Process:
    """One process; sizes in kB. ``bound_kb`` is how far ``needed_kb`` may be off (95 %) where sampled, else 0."""

    pid: int
    name: str
    vmpte_kb: int
    vmrss_kb: int
    needed_kb: int
    bound_kb: int

    @property
    def waste_kb(self) -> int:
        """Page tables that nobody needs."""
        return max(0, self.vmpte_kb - self.needed_kb)


@dataclass(frozen=True)
class Survey:
    """All processes that could be read, most waste first; ``unread`` vanished or are forbidden to us."""

    processes: tuple[Process, ...]
    unread: int
    method: str
    ram_kb: int

    @property
    def waste_kb(self) -> int:
        """Page tables of all of them that nobody needs."""
        return sum(process.waste_kb for process in self.processes)


def reader(method: str = "auto") -> tuple[str, Reader]:
    """Choose how pagemaps are read: ``scan``, ``entries``, or what this kernel has; MeasureError where it has not."""
    if method in ("auto", "scan") and scan_works():
        return "PAGEMAP_SCAN", by_scan
    if method == "scan":
        raise MeasureError("this kernel has no PAGEMAP_SCAN ioctl (Linux 6.7 and later have it)")
    frame = zeropage_frame()
    return "pagemap" + ("" if frame else ", zeropages counted as needed (only root sees them)"), by_entries(frame)


def survey(pids: Sequence[int] | None, budget_s: float = 1.0, method: str = "auto") -> Survey:
    """Look at the processes ``pids``, or at all; each gets ``budget_s`` seconds, and is sampled where that is short.

    Raises MeasureError for a pid that was asked for and cannot be read.
    """
    name, read = reader(method)
    found, unread = [], 0
    for pid in pids if pids is not None else _all_pids():
        try:
            process = _process(pid, read, budget_s)
        except OSError as error:
            if pids is not None:
                raise MeasureError(f"process {pid} {_problem(error)}") from error
            unread += 1
            continue
        if process is not None:
            found.append(process)
        elif pids is not None:
            raise MeasureError(f"process {pid} has no page tables of its own: a kernel thread, or about to end")
    found.sort(key=lambda process: process.waste_kb, reverse=True)
    return Survey(tuple(found), unread, name, total_ram_kb())


def total_ram_kb() -> int:
    """RAM of this host in kB."""
    return _field(PROC / "meminfo", "MemTotal")


def resident_kb(pid: int) -> int:
    """VmRSS of a process in kB; 0 where it is gone."""
    try:
        return _field(PROC / str(pid) / "status", "VmRSS")
    except (OSError, StopIteration):
        return 0


def _problem(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "is not yours to read; ask for one of yours, or be root"
    return "is not there; ps lists those that are"


def needed_kb(ranges: Ranges) -> int:
    """Give the size of all tables that ``ranges`` need, up to the PUD level."""
    used = ranges.tables | ranges.deposits
    # under a huge page there is no table but the deposited one
    pmd = {index // PMD_RANGES for index in used}
    pud = {index // PUD_RANGES for index in used}
    return TABLE_KB * (len(ranges.tables) + len(ranges.deposits - ranges.tables) + len(pmd) + len(pud))


def _all_pids() -> list[int]:
    return sorted(int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _process(pid: int, read: Reader, budget_s: float) -> Process | None:
    """Look at one process; None for a kernel thread, which has no tables of its own."""
    folder = PROC / str(pid)
    status = (folder / "status").read_text(errors="replace")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmPTE" not in fields:
        return None
    vmpte_kb = _kb(fields["VmPTE"])
    needed, bound = _needed(folder, read, budget_s, vmpte_kb)
    return Process(
        pid=pid,
        name=fields["Name"].strip(),
        vmpte_kb=vmpte_kb,
        vmrss_kb=_kb(fields["VmRSS"]),
        needed_kb=needed,
        bound_kb=bound,
    )


def _needed(folder: Path, read: Reader, budget_s: float, vmpte_kb: int) -> tuple[int, int]:
    """Give what is needed and how far that may be off, in kB; a sample never says more than there is (VmPTE)."""
    chunks = _chunks(folder)
    order = list(chunks)
    # the same order each time, so that a survey repeats
    random.Random(0).shuffle(order)
    end = time.monotonic() + budget_s
    seen, sizes = NOTHING, []
    pagemap = os.open(folder / "pagemap", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for chunk in order:
            part = NOTHING
            for start, stop in chunks[chunk]:
                part |= read(pagemap, start, stop)
            seen |= part
            sizes.append(len(part.tables | part.deposits))
            if time.monotonic() > end:
                break
    finally:
        os.close(pagemap)
    if len(sizes) == len(order):
        return needed_kb(seen), 0
    share = len(order) / len(sizes)
    # chunks that look all alike are no proof that the others do
    spread = max(1.0, statistics.stdev(sizes)) if len(sizes) > 1 else float(PMD_RANGES)
    error = CONFIDENCE * spread * len(order) * ((1 - 1 / share) / len(sizes)) ** 0.5
    least = needed_kb(seen)
    estimate = max(least, min(vmpte_kb, round(least * share)))
    return estimate, min(round(error * TABLE_KB), max(estimate - least, vmpte_kb - estimate))


def _chunks(folder: Path) -> dict[int, list[tuple[int, int]]]:
    """Cut the mappings at multiples of 1 GiB, so that no table is in two chunks: the parts of each chunk, in bytes."""
    chunks: dict[int, list[tuple[int, int]]] = {}
    for start, end in _mappings(folder):
        for chunk in range(start >> CHUNK_SHIFT, ((end - 1) >> CHUNK_SHIFT) + 1):
            low = chunk << CHUNK_SHIFT
            chunks.setdefault(chunk, []).append((max(start, low), min(end, low + (1 << CHUNK_SHIFT))))
    return chunks


def _mappings(folder: Path) -> Iterator[tuple[int, int]]:
    for line in (folder / "maps").read_text(errors="replace").splitlines():
        start, _, end = line.partition(" ")[0].partition("-")
        if int(start, 16) < USER_END:
            yield int(start, 16), int(end, 16)


def _kb(text: str) -> int:
    return int(text.split()[0])


def _field(path: Path, name: str) -> int:
    return next(_kb(line.partition(":")[2]) for line in path.read_text().splitlines() if line.startswith(f"{name}:"))
