# SPDX-License-Identifier: GPL-2.0-only
"""A bug in real guests: there on the kernel that has it, gone on the one that has not."""

import json
from pathlib import Path

import pytest
from conftest import tb

BUG = """\
title: Page tables stay after MADV_DONTNEED
report: "https://lore.kernel.org/20220429133552.33768-1-zhengqi.arch@bytedance.com"
scenario: benign/dontneed-loop
params: {span: 64MiB}
kernel: vanilla-6.12
signature:
  - metric: [after.left_over.pte >= 28, after.left_over.pte >= 0.5 * peak.left_over.pte]
attempts: 2
expect:
  vanilla-6.12: reproduced
  ptreclaim-6.12: gone
"""
PANIC = """\
title: A kernel panics when it is asked to
report: "https://example.org/sysrq-c"
guest: minimal
shell: |
  tb-phase start
  echo asked to panic
  echo c > /proc/sysrq-trigger
phases: [start]
deadline: 20s
kernel: vanilla-6.12
signature:
  - crash: {title: sysrq triggered crash}
attempts: 2
expect:
  vanilla-6.12: reproduced
"""


@pytest.fixture(scope="module")
def leak(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leak")
    (folder / "stays.yaml").write_text(BUG)
    return tb("reproduce", folder / "stays.yaml", "--out", folder / "runs", "--json"), folder


def test_bug_is_reproduced_on_one_kernel_and_gone_on_the_other(leak):
    done, folder = leak
    assert done.code == 0, done.stderr
    has_it, has_not = done.records
    assert (has_it["kernel"], has_it["shown"], has_it["runs"]) == ("vanilla-6.12", 2, 2)
    assert (has_not["kernel"], has_not["shown"], has_not["runs"]) == ("ptreclaim-6.12", 0, 2)
    assert all(row["as_expected"] for row in done.records)
    # two quiet runs are too few against 2 of 2
    assert (has_not["quiet_runs"], has_not["sure"]) == (3, False)
    assert "0 of 2: a rate above 78 % is excluded (95 %)" in done.stderr
    (grades,) = folder.glob("runs/*/grades.json")
    assert json.loads(grades.read_text()) == done.records


def test_run_of_a_bug_is_reported_as_any_other(leak):
    _, folder = leak
    (run,) = (folder / "runs").iterdir()
    again = tb("report", run, "--junit", folder / "j.xml", "--ktap", folder / "k.txt", "--html", folder / "h.html")
    assert again.code == 0, again.stderr
    assert "4 cells: 4 done" in again.stdout
    assert "reproduced 2 of 2" in again.stdout


def test_crash_is_known_by_its_title_and_the_memory_of_one_dead_guest_is_kept(tmp_path):
    (tmp_path / "panics.yaml").write_text(PANIC)
    done = tb("reproduce", tmp_path / "panics.yaml", "--out", tmp_path / "runs", "--json")
    assert done.code == 0, done.stderr
    (row,) = done.records
    assert (row["shown"], row["runs"]) == (2, 2)
    assert "sysrq triggered crash" in row["sign"]
    kept = list(tmp_path.glob("runs/*/cells/*/vmcore.zst"))
    assert kept == [Path(row["vmcore"])]
    assert kept[0].stat().st_size > 1 << 20
