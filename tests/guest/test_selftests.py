# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests in real guests, ours beside vanilla."""

import pytest
from conftest import ROOT, tb

from testbed.report.suite import suite_rows, suite_summary

TESTS = ("madv_populate", "mremap_dontunmap", "mkdirty", "mrelease_test")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return tb("run", "selftests", "--json", "--out", tmp_path_factory.mktemp("runs"))


@pytest.mark.timeout(3600)
def test_no_test_that_passes_on_vanilla_fails_on_ours(done):
    assert done.code == 0, done.stderr
    assert len(done.records) == 2 * len(TESTS)
    said = f"of {len(TESTS)} tests that pass on vanilla-6.12 none fails on ptreclaim-6.12"
    assert said in suite_summary(done.records)


def test_vanilla_passes_and_tells_each_subtest(done):
    vanilla = {r["scenario"]["params"]["test"]: r for r in done.records if r["kernel"]["name"] == "vanilla-6.12"}
    assert [vanilla[test]["verdict"] for test in TESTS] == ["pass"] * len(TESTS)
    assert vanilla["madv_populate"]["subtests"]["MADV_POPULATE_READ with PROT_READ"] == "ok"
    for record in vanilla.values():
        assert set(record["subtests"].values()) <= {"ok", "skip"}


def test_table_has_a_row_for_each_test_and_a_column_for_each_kernel(done):
    _, head, *rows = suite_rows(done.records)
    assert head.split() == ["test", "vanilla-6.12", "ptreclaim-6.12"]
    assert [row.split()[0] for row in rows] == list(TESTS)


SUITE = """\
source: "a test that needs what the guest's kernel lacks, one that fails, and one that is not there"
guest: selftests
folder: mm
kernels: [vanilla-6.12]
baseline: vanilla-*
deadline: 20s
tests:
  shm: {run: map_populate, write: {/proc/sys/kernel/no-such: 1}}
  khugepaged: {run: khugepaged -x}
  nowhere: {run: no-such-program}
"""


def test_skip_and_failure_have_the_tests_own_words(tmp_path, kernel, accel):
    suite = tmp_path / "mine.yaml"
    suite.write_text(SUITE)
    done = tb("run", suite, "--json", "--out", tmp_path / "runs", cwd=ROOT)
    found = {record["scenario"]["params"]["test"]: (record["verdict"], record["reason"]) for record in done.records}
    assert found["shm"] == ("skip", "/proc/sys/kernel/no-such: No such file or directory")
    assert found["khugepaged"][0] == "fail"
    assert found["nowhere"] == ("fail", "exit status 1: /selftests/mm/no-such-program: No such file or directory")
    assert done.code == 1
