# SPDX-License-Identifier: GPL-2.0-only
"""The still picture of a process's page tables, read back: every table is there, in its class, at its place."""

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.report.culprit import COLOURS, Caption, culprit_svg
from testbed.report.html import maps
from testbed.report.html.maps import PLANES, Seen
from testbed.report.tablestrip import strips

CLASSES = ("empty", "zero", "file", "needed")
CAPTION = Caption("Page tables of die, PID 77", ["oops: BUG: in x"])
SVG = "{http://www.w3.org/2000/svg}"
PTE, PMD = PLANES.index("pte"), PLANES.index("pmd")
BASE = 0x7F00_0000_0000 >> 21


def seen(*tables: tuple[int, int, int]) -> Seen:
    """Make what was seen of one process: (plane, slot, class) of each table."""
    columns = np.array(tables, dtype=np.int64).reshape(-1, 3)
    nothing = np.zeros(len(tables), dtype=np.int64)
    entries = np.zeros((len(tables), 1), dtype=np.uint16)
    return Seen(("77 die",), CLASSES, ("none",), nothing, *columns.T.copy(), entries)


def blocks(svg: str) -> Counter[str]:
    """Count the blocks that are drawn in each class."""
    drawn: Counter[str] = Counter()
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if path.get("class"):
            drawn[path.get("class")] += sum(int(length) for length in re.findall(r"h(\d+)", path.get("d")))
    return drawn


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3000), st.integers(0, 3)), min_size=1, max_size=300))
def test_every_table_is_a_block_of_its_class(tables):
    wanted = Counter(CLASSES[kind] for _, _, kind in tables)
    assert blocks(culprit_svg(seen(*tables), CAPTION)) == wanted


def test_tables_stand_in_the_order_of_addresses_with_a_blank_for_a_gap():
    (strip,) = strips(seen((PTE, BASE + 9, 3), (PTE, BASE, 0), (PTE, BASE + 1, 1)))
    assert strip.kind.tolist() == [0, 1, -1, 3]
    assert [address >> 21 for address in strip.address.tolist()] == [BASE, BASE + 1, BASE + 2, BASE + 9]
    assert (strip.tables, strip.gaps, strip.first, strip.last) == (3, 1, BASE << 21, ((BASE + 10) << 21) - 1)


def test_tables_with_gaps_everywhere_are_drawn_without_blanks():
    (strip,) = strips(seen(*((PTE, BASE + 2 * at, 3) for at in range(50))))
    assert (strip.kind == 3).all()
    assert (len(strip.kind), strip.gaps) == (50, 49)


def test_planes_come_from_the_top_of_the_tree_down_with_their_counts_and_ranges():
    svg = culprit_svg(
        seen((PTE, BASE, 0), (PTE, BASE + 1, 3), (PMD, BASE >> 9, 3), (4, BASE, 1), (4, BASE, 1)), CAPTION
    )
    said = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    labels = [text for text in said if " table" in text and " to 0x" in text]
    assert labels == [
        "PMD: 1 table, 0x7f0000000000 to 0x7f003fffffff",
        "PTE: 2 tables, 0x7f0000000000 to 0x7f00003fffff",
        "2 PTE tables deposited behind huge pages, 0x7f0000000000 to 0x7f00001fffff",
    ]


@pytest.mark.parametrize("together", [1, 40])
def test_a_hundred_thousand_tables_stay_below_300_kb(together):
    kinds = np.repeat(np.random.default_rng(1).integers(0, 4, 100_000 // together), together)
    svg = culprit_svg(seen(*((PTE, BASE + at, int(kind)) for at, kind in enumerate(kinds))), CAPTION)
    assert len(svg) < 300_000
    assert "100,000 tables" in svg
    told = re.search(r"each block (\d+) of them in a row", svg)
    assert bool(told) == (together == 1)
    wanted = 100_000 // int(told[1]) if told else 100_000
    assert blocks(svg).total() == wanted


def test_a_block_for_several_tables_has_the_class_of_most_and_small_planes_stay_whole():
    tables = [(PTE, BASE + at, 0 if at % 4 == 0 else 3) for at in range(4000)]
    small, large = strips(seen(*tables, (PMD, BASE >> 9, 1), (PMD, (BASE >> 9) + 1, 3)), each=4)
    assert (small.kind.tolist(), small.each) == ([1, 3], 1)
    assert (set(large.kind.tolist()), len(large.kind), large.each, large.tables) == ({3}, 1000, 4, 4000)


def test_names_are_text_and_never_markup():
    svg = culprit_svg(seen((PTE, BASE, 0)), Caption('Page tables of <b>"\x1b&x', ["a\x00b"]))
    drawn = ElementTree.fromstring(svg)
    assert drawn.find(f"{SVG}title").text == 'Page tables of <b>"?&x'
    assert "a?b" in [text.text for text in drawn.iter(f"{SVG}text")]


def test_picture_needs_nothing_from_anywhere():
    svg = culprit_svg(seen((PTE, BASE, 0)), CAPTION)
    assert set(re.findall(r"\w+://[^\"]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script|href|@import", svg)


def test_colours_are_those_of_the_report():
    style = (Path(maps.__file__).parent / "style.css").read_text()
    ours = dict(re.findall(r"--([\w-]+): light-dark\(([^)]+)\)", style))
    assert {name: ours[name] for name in COLOURS} == {name: ", ".join(pair) for name, pair in COLOURS.items()}
