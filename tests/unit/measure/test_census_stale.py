# SPDX-License-Identifier: GPL-2.0-only
"""What former tables leave behind in memory."""

import numpy as np
from ram import PRESENT, SPECIAL, ZERO, Ram

from testbed.measure.census.stale import zeropage_words


def test_every_entry_of_the_zeropage_in_those_frames_is_counted_and_no_other_word(tmp_path):
    ram = Ram(tmp_path / "ram")
    for slot in (0, 7, 511):
        ram.point(40, slot, ZERO, PRESENT | SPECIAL)
    ram.point(40, 8, 33)  # another page's
    ram.point(40, 9, ZERO, SPECIAL)  # not present
    ram.point(41, 3, ZERO)
    ram.point(42, 5, ZERO)  # a frame that nobody asked for
    assert zeropage_words(ram.memory, ZERO, np.array([40, 41])) == 4


def test_pages_that_were_cleared_and_no_pages_at_all_hold_none(tmp_path):
    ram = Ram(tmp_path / "ram")
    assert zeropage_words(ram.memory, ZERO, np.array([40, 41])) == 0
    assert zeropage_words(ram.memory, ZERO, np.array([], dtype=np.intp)) == 0
