# SPDX-License-Identifier: GPL-2.0-only
"""Page tables of processes that the tests start, looked at as a user would look at those of a server."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed.errors import MeasureError
from testbed.measure.pagemap import Ranges, scan_works
from testbed.measure.survey import Process, needed_kb, survey

ADDR_NO_RANDOMIZE = 0x0040000
METHODS = ["scan", "entries"] if scan_works() else ["entries"]

PREPARE = """
import ctypes, mmap, time
MAP_NORESERVE = 0x4000
def area(size):
    room = mmap.mmap(-1, size + (1 << 30), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    return room, -start % (1 << 30)
def ready():
    print("ready", flush=True)
    time.sleep(60)
"""
# One page in each of 512 ranges of 2 MiB; all but two are given back.
PURGED = """
room, low = area(1 << 30)
room.madvise(15, low, 1 << 30)  # MADV_NOHUGEPAGE
for at in range(0, 1 << 30, 2 << 20):
    room[low + at] = 1
# page by page, as allocators do: a kernel with PT_RECLAIM (6.14) frees what one call spans
for at in range(4 << 20, 1 << 30, 2 << 20):
    room.madvise(mmap.MADV_DONTNEED, low + at, 4096)
ready()
"""
UNTOUCHED = "room, low = area(1 << 30)\nready()\n"
READ_ONLY = """
room, low = area(1 << 30)
room.madvise(15, low, 1 << 30)
for at in range(0, 1 << 30, 2 << 20):
    room[low + at]
ready()
"""
SPARSE = """
room, low = area(1 << 40)
for at in range(0, 1 << 40, 1 << 30):
    room[low + at] = 1
ready()
"""


def at_fixed_addresses() -> None:
    """For a child: where its heap, stack and libraries happen to lie is worth some tables (personality(2))."""
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


@contextmanager
def process(program: str) -> Iterator[int]:
    """Run a Python program until it is ready, and end it."""
    argv = [sys.executable, "-c", PREPARE + program]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, preexec_fn=at_fixed_addresses) as child:
        try:
            assert child.stdout
            assert child.stdout.readline() == "ready\n"
            yield child.pid
        finally:
            child.kill()


def look(pid: int, method: str, budget_s: float = 60) -> Process:
    (found,) = survey([pid], budget_s, method).processes
    return found


@pytest.mark.parametrize("method", METHODS)
def test_tables_that_were_given_back_are_waste_to_the_table(method):
    with process(PURGED) as purged, process(UNTOUCHED) as untouched:
        waste = look(purged, method).waste_kb - look(untouched, method).waste_kb
        needed = look(purged, method).needed_kb - look(untouched, method).needed_kb
    assert abs(waste - 510 * 4) <= 8
    assert abs(needed - (2 + 1) * 4) <= 8  # two PTE tables, and a PMD table for their GiB


@pytest.mark.parametrize("method", METHODS)
def test_tables_full_of_the_zeropage_are_waste(method):
    if method == "entries" and os.geteuid() != 0:
        pytest.skip("only root sees frame numbers, and by them the zeropage")
    with process(READ_ONLY) as reading:
        assert look(reading, method).waste_kb >= 512 * 4


def test_terabyte_of_sparse_mappings_takes_less_than_a_second():
    if "scan" not in METHODS:
        pytest.skip("this kernel has no PAGEMAP_SCAN, so the process would be sampled")
    with process(SPARSE) as sparse:
        found = look(sparse, "scan", 1.0)
    assert found.bound_kb == 0
    assert found.vmpte_kb - found.needed_kb <= 8
    assert found.needed_kb >= 2 * 1024 * 4


def test_process_too_large_for_its_budget_is_sampled_and_says_so():
    with process(SPARSE) as sparse:
        exact, sampled = look(sparse, METHODS[0]), look(sparse, METHODS[0], budget_s=0.001)
    assert sampled.bound_kb > 0
    assert sampled.needed_kb <= sampled.vmpte_kb
    assert abs(sampled.needed_kb - exact.needed_kb) <= 2 * sampled.bound_kb


def test_process_that_is_not_there_is_one_line():
    with pytest.raises(MeasureError, match="process 4194303 is not there; ps lists those that are"):
        survey([4194303])


def test_deposited_table_counts_as_a_table_of_its_own():
    assert needed_kb(Ranges(frozenset({0, 1}), frozenset({5}))) == 4 * (3 + 1 + 1)


def tb(*words: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_command_line_gives_json_and_refuses_what_is_not_there():
    done = tb("survey", str(os.getpid()), "--json")
    record = json.loads(done.stdout)
    assert (done.returncode, [one["pid"] for one in record["processes"]]) == (0, [os.getpid()])
    assert record["ram_kb"] > 0
    refused = tb("survey", "4194303")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
