# SPDX-License-Identifier: GPL-2.0-only
import re

from testbed.measure.outside import Tables
from testbed.measure.sample import console_pattern, sample

COUNTERS = {
    "pagetables_kb": 1400,
    "secpagetables_kb": 0,
    "vmpte_kb": 1064,
    "vmrss_kb": 2744,
    "vmsize_kb": 527324,
    "needed": {"pte": 4, "pmd": 2, "pud": 1},
}
LINE = "TB-PHASE 12ab peak pagetables_kb=1400 secpagetables_kb=0 vmpte_kb=1064 vmrss_kb=2744 vmsize_kb=527324\r\n"
TABLES = Tables(pte=260, pmd=4, pud=2, p4d=0, account_kb=1064)


def test_left_over_is_what_is_there_less_what_is_needed_at_each_level():
    record = sample(COUNTERS, LINE, 1400, TABLES)
    assert record["left_over"] == {"pte": 256, "pmd": 2, "pud": 1, "p4d": 0}
    assert (record["needed"], record["needed_kb"], record["left_over_kb"]) == (4, 28, 1036)
    assert (record["agree"], record["disagreement"]) == (True, None)


def test_one_page_of_difference_is_told_with_both_numbers():
    record = sample(COUNTERS, LINE, 1404, TABLES)
    assert record["agree"] is False
    assert record["disagreement"] == "page tables: QMP 1404 kB, data channel 1400 kB"


def test_console_that_tells_another_number_is_a_disagreement():
    record = sample(COUNTERS, LINE.replace("vmpte_kb=1064", "vmpte_kb=1068"), 1400, TABLES)
    assert record["disagreement"] == "vmpte_kb: console 1068 kB, data channel 1064 kB"


def test_console_that_never_spoke_is_a_disagreement():
    assert "never showed" in sample(COUNTERS, None, 1400, TABLES)["disagreement"]


def test_account_of_the_process_is_compared_too():
    tables = Tables(pte=260, pmd=4, pud=2, p4d=0, account_kb=1060)
    assert sample(COUNTERS, LINE, 1400, tables)["disagreement"] == "VmPTE: QMP 1060 kB, data channel 1064 kB"


def test_console_line_of_another_run_is_not_taken():
    assert re.search(console_pattern("12ab", "peak"), LINE)
    assert not re.search(console_pattern("other", "peak"), LINE)
    assert not re.search(console_pattern("12ab", "after"), LINE)


def test_console_line_that_is_not_whole_yet_is_not_taken():
    assert not re.search(console_pattern("12ab", "peak"), LINE[:-10])
