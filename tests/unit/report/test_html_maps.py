# SPDX-License-Identifier: GPL-2.0-only
"""Maps of address spaces, packed and read back as the page reads them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_run import BASE, CLASSES, KINDS, PID, census, tables

from testbed.report.html.maps import PLANES, SHIFTS, Packed, Seen, pack, see

Table = tuple[int, int, int, int]


def unpack(packed: Packed, name: str) -> Iterator[tuple[Table, list]]:
    """Give (owner, plane, slot, class) of each table and what it holds: what map.js does, written anew."""
    place = packed.index["maps"][name]
    at = place["at"]

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = packed.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    for owner in range(len(place["spaces"])):
        for plane in range(len(PLANES)):
            runs = number()
            gaps, sizes, contents = ([number() for _ in range(runs)] for _ in range(3))
            slot = 0
            for gap, size, content in zip(gaps, sizes, contents, strict=True):
                slot += gap
                held = packed.index["contents"][content] if packed.index["contents"] else []
                yield from (((owner, plane, slot + step, size & 3), held) for step in range(size >> 2))
                slot += (size >> 2) - 1


def read(path: Path) -> Seen:
    found = see(path, PID)
    assert found is not None
    return found


def test_a_map_has_exactly_the_tables_of_the_census(tmp_path: Path) -> None:
    rows = [*tables(40, 0)[:-2], (1, 1, BASE + (90 << 21), 1, False), (2, 1, BASE, 2, False)]
    rows += [(1, 2, BASE, 3, False), (1, 3, BASE, 3, False), (1, 4, 0, 3, False), (1, 1, BASE + (7 << 21), 1, True)]
    census(tmp_path / "census-peak.npz", rows)
    seen = read(tmp_path / "census-peak.npz")
    found = Counter(table for table, _ in unpack(pack({"m": seen}), "m"))
    wanted = Counter(
        (owner - 1, plane, address >> SHIFTS[plane], kind)
        for owner, level, address, kind, deposit in rows
        for plane in [4 if deposit else level - 1]
        if owner in (1, 2)
    )
    assert found == wanted
    assert seen.counts()["pte"] == {"empty": 40, "zero": 1, "file": 1, "needed": 1}
    assert seen.counts()["deposit"]["zero"] == 1


def test_only_processes_that_were_started_with_the_workload_or_after_it_are_on_the_map(tmp_path: Path) -> None:
    census(tmp_path / "census-peak.npz", [(0, 1, 0, 3, False), (1, 1, 0, 3, False), (3, 1, 0, 3, False)])
    assert read(tmp_path / "census-peak.npz").spaces == (f"{PID} loop", f"{PID + 1} child")
    assert len(read(tmp_path / "census-peak.npz").slot) == 1


def test_several_deposits_at_one_place_are_all_there(tmp_path: Path) -> None:
    census(tmp_path / "census-peak.npz", [(1, 1, 0, 3, False), *((1, 1, 0, 3, True) for _ in range(5))])
    found = Counter(table for table, _ in unpack(pack({"m": read(tmp_path / "census-peak.npz")}), "m"))
    assert found[0, PLANES.index("deposit"), 0, 3] == 5


def test_a_table_is_told_what_it_holds(tmp_path: Path) -> None:
    held = [[512] + [0] * 10, [500, 0, 12] + [0] * 8, [0, 512] + [0] * 9]
    census(tmp_path / "census-peak.npz", [(1, 1, at << 21, kind, False) for at, kind in enumerate((0, 3, 1))], held)
    packed = pack({"m": read(tmp_path / "census-peak.npz")})
    assert [content for _, content in unpack(packed, "m")] == [[], [[KINDS.index("anon"), 12]], [[1, 512]]]


def test_many_like_tables_take_a_few_bytes() -> None:
    count = 100_000
    seen = Seen(
        (f"{PID} loop",),
        CLASSES,
        KINDS,
        *(np.zeros(count, dtype=np.int64) for _ in range(2)),
        np.arange(count),
        np.zeros(count, dtype=np.int64),
        np.zeros((count, len(KINDS)), dtype=np.uint16),
    )
    packed = pack({"m": seen})
    assert len(packed.data) < 20
    assert sum(1 for _ in unpack(packed, "m")) == count


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 2**36), st.integers(0, 3)), min_size=1))
@settings(deadline=None, max_examples=60)
def test_whatever_tables_there_are_come_back(found: list[Table]) -> None:
    owner, plane, slot, kind = (np.array(column, dtype=np.int64) for column in zip(*found, strict=True))
    entries = np.zeros((len(found), len(KINDS)), dtype=np.uint16)
    seen = Seen(("32 a", "33 b"), CLASSES, KINDS, owner, plane, slot, kind, entries)
    packed = pack({"other": seen, "m": seen})
    assert Counter(table for table, _ in unpack(packed, "m")) == Counter(found)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 torn"])
def test_a_census_that_is_missing_or_torn_gives_no_map(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "census-peak.npz"
    if content is not None:
        path.write_bytes(content)
    assert see(path, PID) is None
