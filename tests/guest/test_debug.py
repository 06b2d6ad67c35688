# SPDX-License-Identifier: GPL-2.0-only
"""The series under the kernel's own checkers: KASAN, lockdep, PROVE_RCU, DEBUG_VM, PAGE_TABLE_CHECK."""

import pytest
from conftest import tb

SCENARIOS = ["benign/dontneed-pieces", "benign/server-55t", "benign/tcmalloc-churn", "malicious/pte-flood"]


@pytest.mark.timeout(3600)
def test_races_for_page_tables_end_without_a_splat_and_without_a_wrong_byte(tmp_path):
    words = ("stress/race-fault", "--set", "delay_us=20", "--kernel", "ptreclaim-6.12+debug", "--json")
    done = tb("run", *words, "--out", tmp_path)
    assert done.code == 0, done.stderr
    (record,) = done.records
    assert record["verdict"] == "pass"
    assert record["values"]["delay_us"] == 20
    assert record["values"]["passes"] > 0


@pytest.mark.timeout(3600)
def test_debug_kernel_frees_tables_without_a_splat(tmp_path):
    done = tb("run", *SCENARIOS, "--kernel", "ptreclaim-6.12+debug", "--json", "--out", tmp_path)
    assert done.code == 0, done.stderr
    assert [record["verdict"] for record in done.records] == ["pass"] * len(SCENARIOS)
