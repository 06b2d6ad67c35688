# SPDX-License-Identifier: GPL-2.0-only
"""A census as a survey. That of a running host needs its kernel's debug info, which hosts of ours lack."""

import pytest
from madecensus import PID, census

from testbed.errors import MeasureError
from testbed.measure.exact import surveyed


def test_waste_is_what_the_census_left_over_and_the_largest_is_first():
    found = surveyed(census(), None)
    assert [process.pid for process in found.processes] == [PID, 1]
    first = found.processes[0]
    assert (first.vmpte_kb, first.needed_kb, first.waste_kb, first.bound_kb) == (266 * 4, 19 * 4, 247 * 4, 0)


def test_only_the_processes_that_were_asked_for_are_shown():
    assert [process.pid for process in surveyed(census(), [1]).processes] == [1]
    with pytest.raises(MeasureError, match="process 77 has no page tables of its own"):
        surveyed(census(), [1, 77])
