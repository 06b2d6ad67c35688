# SPDX-License-Identifier: GPL-2.0-only
from testbed.judge.oom import OomKill, oom_kills

TAIL = "total-vm:1048576kB, anon-rss:900kB, file-rss:4kB, shmem-rss:0kB, UID:0 pgtables:2100kB oom_score_adj:0"


def test_whole_guest_and_cgroup_are_told_apart():
    console = (
        f"<3>[    3.000000] Out of memory: Killed process 77 (pte-flood) {TAIL}\n"
        f"<3>[    4.000000] Memory cgroup out of memory: Killed process 78 (a (b)) {TAIL}\n"
    )
    assert oom_kills(console) == [OomKill(False, 77, "pte-flood", 2100), OomKill(True, 78, "a (b)", 2100)]


def test_program_that_quotes_a_kill_killed_nobody():
    assert oom_kills(f"Out of memory: Killed process 77 (x) {TAIL}\n") == []
