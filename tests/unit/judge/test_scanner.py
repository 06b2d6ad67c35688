# SPDX-License-Identifier: GPL-2.0-only
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from testbed.judge.scanner import LONGEST_LINE, Scanner

CONSOLE = (
    "<5>[    0.000000] Linux version 6.12\r\nTB-PHASE n sta<4>[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2"
    "\r\nrt a=1\r\n<0>[    2.000000] Kernel panic - not syncing: Fatal exception\r\n"
)


def kinds(pieces: list[str]) -> list[tuple[str, int]]:
    scanner = Scanner()
    for piece in pieces:
        scanner.feed(piece)
        scanner.found()
    return [(found.sighting.kind, found.line) for found in scanner.found()]


@given(st.lists(st.integers(0, len(CONSOLE)), max_size=12))
def test_cuts_between_reads_change_nothing(cuts):
    places = [0, *sorted(cuts), len(CONSOLE)]
    pieces = [CONSOLE[a:b] for a, b in pairwise(places)]
    assert kinds(pieces) == [("warn", 1), ("panic", 3)]


@given(st.text(max_size=300), st.text(max_size=300))
def test_noise_around_a_death_does_not_hide_it(before, after):
    death = "<0>[    2.000000] Kernel panic - not syncing: x"
    assert "panic" in [kind for kind, _ in kinds([f"{before}\n{death}\n{after}"])]


def test_unfinished_last_line_counts():
    assert kinds(["<0>[    2.000000] Kernel pan", "ic - not syncing: x"]) == [("panic", 0)]


def test_line_without_an_end_is_not_kept_for_ever():
    scanner = Scanner()
    for _ in range(100):
        scanner.feed("x" * LONGEST_LINE)
    scanner.feed("<0>[    2.000000] Kernel panic - not syncing: x\n")
    assert scanner.first().sighting.kind == "panic"
