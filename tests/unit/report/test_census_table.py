# SPDX-License-Identifier: GPL-2.0-only
from io import StringIO

from rich.console import Console

from testbed.report.census import CENSUS_HEADERS, census_rows, census_summary, census_table


def level(tables: int, bad: int = 0) -> dict[str, int]:
    return {"tables": tables, "empty": tables, "zero": 0, "file": 0, "needed": 0, "deposit": 0, "bad": bad}


HOG = {
    "pid": 31,
    "name": "hog",
    "kb": 40960,
    "left_over_kb": 40960,
    "levels": {"pte": level(10000), "pmd": level(240), "p4d": level(0)},
}
LOST = {"pid": None, "name": "[no task]", "kb": 0, "left_over_kb": 0, "levels": {"pte": level(0, bad=3)}}
VIEW = {
    "processes": [HOG, LOST],
    "total_kb": 40960,
    "left_over_kb": 40960,
    "kernel_kb": 260,
    "rcu_pending_kb": 4,
    "unreached_kb": 0,
    "entries": {"zero": 0, "anon": 7},
    "differences": [],
    "way": "mmap",
    "seconds": 0.0123,
}


def test_process_is_named_once_and_levels_without_tables_are_left_out():
    rows = census_rows([HOG])
    assert [row[:5] for row in rows] == [("31", "hog", "pte", "40,000", "10,000"), ("", "", "pmd", "960", "240")]
    assert all(len(row) == len(CENSUS_HEADERS) for row in rows)


def test_level_with_nothing_but_bad_entries_is_shown():
    assert census_rows([LOST])[0][-1] == "3"


def test_watched_terminal_shows_the_largest_only():
    assert len(census_rows([HOG, LOST], most=1)) == 2


def test_name_in_brackets_is_a_name_on_a_terminal_too():
    console = Console(width=120, record=True, file=StringIO())
    console.print(census_table([LOST]))
    assert "[no task]" in console.export_text()


def test_summary_says_what_nobody_needs_and_that_all_agree():
    lines = census_summary(VIEW)
    assert lines[0] == "2 address spaces hold 40,960 kB of page tables; 40,960 kB of it nobody needs"
    assert "waiting for RCU 4 kB" in lines[1]
    assert lines[2] == "entries: anon 7"
    assert "all channels agree to the page" in lines


def test_summary_names_each_difference_in_place_of_agreement():
    lines = census_summary({**VIEW, "differences": ["page tables: memmap 8 kB, NR_PAGETABLE 4 kB"]})
    assert "DISAGREE: page tables: memmap 8 kB, NR_PAGETABLE 4 kB" in lines
    assert "all channels agree to the page" not in lines
