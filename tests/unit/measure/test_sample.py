# SPDX-License-Identifier: GPL-2.0-only
"""A phase's record and whether its channels agree."""

import re
from dataclasses import replace

import numpy as np
import pytest
from madecensus import CGROUP, PID, census

from testbed.measure.census import Census, CgroupTables
from testbed.measure.sample import console_pattern, sample
from testbed.spec.metrics import METRICS

COUNTERS = {
    "pagetables_kb": 1400,
    "secpagetables_kb": 0,
    "slab_kb": 4200,
    "percpu_kb": 360,
    "nr_page_table_pages": 350,
    "vmpte_kb": 1064,
    "vmrss_kb": 5000,
    "vmsize_kb": 9000,
    "cgroup_pagetables_kb": 1064,
    "needed": {"pte": 4, "pmd": 3, "pud": 2},
}
LINE = "pagetables_kb=1400 vmpte_kb=1064 cgroup_pagetables_kb=1064"


def accounts(**changes) -> Census:
    whole = census()
    return replace(whole, accounts=replace(whole.accounts, **changes))


def test_left_over_is_empty_and_zero_and_all_else_is_needed():
    record = sample(COUNTERS, LINE, census(), PID)
    assert record["left_over"] == {"pte": 246, "pmd": 1, "pud": 0, "p4d": 0}
    assert (record["left_over_kb"], record["left_over_file"]) == (247 * 4, 3)
    assert record["needed_levels"] == {"pte": 14, "pmd": 3, "pud": 2, "p4d": 0}
    assert (record["needed"], record["needed_source"]) == (14, "census")
    assert record["census"]["pte"]["deposit"] == 8
    assert (record["agree"], record["disagreement"]) == (True, None)


def test_what_is_outside_of_the_cells_cgroup_is_the_systems():
    system = sample(COUNTERS, LINE, census(), PID)["system"]
    assert (system["pte"]["tables"], system["pmd"]["tables"], system["kernel"]) == (4, 3, 75)


def test_processes_of_one_cgroup_are_judged_together():
    whole = census()
    one = replace(whole, spaces=(whole.spaces[0], replace(whole.spaces[1], cgroup=CGROUP)))
    assert sample(COUNTERS, LINE, one, PID)["census"]["pte"]["tables"] == 264


def test_every_metric_that_an_expectation_may_name_is_in_the_record():
    record = sample(COUNTERS, LINE, census(), PID)
    for metric in METRICS:
        value = record
        for key in metric.split("."):
            value = value[key]
        assert isinstance(value, int), metric


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        (accounts(typed=351), "page tables: memmap 1404 kB, NR_PAGETABLE 1400 kB"),
        (accounts(unreached=2), "8 kB of page tables belong to no address space and wait for no RCU"),
        (
            accounts(cgroups={CGROUP: CgroupTables(265, 266, 266)}),
            "memory cgroup 0x1000: memmap 1060 kB, its own figure 1064 kB",
        ),
        (
            accounts(cgroups={CGROUP: CgroupTables(265, 265, 260)}),
            "memory.stat: QMP 1060 kB (1040 kB before the CPUs' shares), data channel 1064 kB",
        ),
        (replace(census(), garbage=1), "0 entries lead to no table, 1 things on the kernel's lists are none"),
        (replace(census(), shared=np.array([1, 0])), "process 31 (workload): walk 1068 kB, mm->pgtables_bytes 1064 kB"),
    ],
)
def test_each_channel_that_differs_is_named_with_both_figures(seen, problem):
    record = sample(COUNTERS, LINE, seen, PID)
    assert (record["agree"], record["disagreement"]) == (False, problem)


def test_guest_that_says_another_number_than_its_memory_is_a_disagreement():
    wrong = {**COUNTERS, "vmpte_kb": 1068}
    record = sample(wrong, LINE.replace("vmpte_kb=1064", "vmpte_kb=1068"), census(), PID)
    assert record["disagreement"] == "VmPTE: QMP 1064 kB, data channel 1068 kB"


def test_memory_stat_may_lag_behind_by_what_the_cpus_have_not_folded_in():
    lagging = {**COUNTERS, "cgroup_pagetables_kb": 1040}
    seen = accounts(cgroups={CGROUP: CgroupTables(266, 266, 260)})
    assert sample(lagging, LINE.replace("cgroup_pagetables_kb=1064", "cgroup_pagetables_kb=1040"), seen, PID)["agree"]


def test_tables_that_wait_for_rcu_are_told_and_are_no_disagreement():
    record = sample(COUNTERS, LINE, accounts(pending=3), PID)
    assert (record["agree"], record["system"]["rcu_pending"]) == (True, 3)


def test_console_that_tells_another_number_is_a_disagreement():
    record = sample(COUNTERS, LINE.replace("vmpte_kb=1064", "vmpte_kb=1068"), census(), PID)
    assert record["disagreement"] == "vmpte_kb: console 1068 kB, data channel 1064 kB"


def test_console_that_never_spoke_is_a_disagreement():
    assert "never showed" in sample(COUNTERS, None, census(), PID)["disagreement"]


def test_without_a_census_the_agents_estimate_stands_and_the_reason_beside_it():
    record = sample(COUNTERS, LINE, None, PID, unexamined="--no-census")
    assert (record["needed"], record["needed_kb"], record["needed_source"]) == (4, 36, "pagemap")
    assert (record["census"], record["unexamined"], record["agree"]) == (None, "--no-census", True)
    assert "left_over" not in record


def test_console_line_of_another_run_is_not_taken():
    line = f"TB-PHASE 12ab peak {LINE}\r\n"
    assert re.search(console_pattern("12ab", "peak"), line)
    assert not re.search(console_pattern("other", "peak"), line)
    assert not re.search(console_pattern("12ab", "after"), line)


def test_console_line_that_is_not_whole_yet_is_not_taken():
    assert not re.search(console_pattern("12ab", "peak"), f"TB-PHASE 12ab peak {LINE}")
