# SPDX-License-Identifier: GPL-2.0-only
import pytest
from test_verdict import NONCE

from testbed.judge.evidence import Evidence
from testbed.judge.ktap import parse_ktap
from testbed.judge.selftest import judge_selftest
from testbed.judge.verdict import completion_token

GOOD = "TAP version 13\n1..2\nok 1 a\nok 2 b\n"


def judged(said: str, status=0, signal=None, console="[    0.1] fine\n", words="", **fields):
    done = {"status": status, "signal": signal, "phases": 0, "oom_kill": 0}
    done["token"] = completion_token(NONCE, status, signal, 0)
    evidence = Evidence(NONCE, console, (), {**done, **fields}, words=words)
    verdict = judge_selftest(evidence, parse_ktap(said.splitlines()))
    return verdict.kind, verdict.reason


def test_pass_needs_exit_0_and_every_promised_subtest():
    assert judged(GOOD) == ("pass", "2 ok")
    assert judged(GOOD.replace("1..2", "1..3")) == ("fail", "2 of 3 subtests told their result")


def test_test_without_ktap_is_judged_by_its_exit_status():
    assert judged("All tests passed\n") == ("pass", "exit status 0")
    assert judged("[RUN] x\nhuge page is gone\n", status=1) == ("fail", "exit status 1: huge page is gone")


def test_subtest_that_is_not_ok_is_a_fail_whatever_the_exit_status_says():
    assert judged(GOOD.replace("ok 2", "not ok 2")) == ("fail", "1 of 2 subtests not ok: b")


def test_exit_status_is_a_fail_whatever_the_subtests_say():
    assert judged(GOOD, status=1, words="the end") == ("fail", "exit status 1: the end")


def test_giving_up_is_a_fail_with_its_words():
    assert judged("TAP version 13\n1..9\nBail out! mmap failed\n", status=1) == ("fail", "gave up: mmap failed")


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ("TAP version 13\n1..0 # SKIP no NUMA\n", 4, "no NUMA"),
        ("TAP version 13\n1..0 # SKIP no NUMA\n", 0, "no NUMA"),
        ("TAP version 13\n1..1\nok 1 # SKIP no NUMA\n", 0, "no NUMA"),
        ("no NUMA\n", 4, "no NUMA"),
        ("no \x1b[32mNUMA\x1b[0m\n\n", 4, "no NUMA"),
        ("", 4, "the test says so (exit status 4), and not why"),
    ],
)
def test_skip_tells_why(said, status, why):
    assert judged(said, status) == ("skip", why)


def test_skipped_and_known_failures_are_counted_apart():
    said = "TAP version 13\n1..3\nok 1 a\nok 2 # SKIP b\nok 3 # XFAIL c\n"
    assert judged(said) == ("pass", "1 ok, 1 skipped, 1 xfail")


def test_kernel_that_broke_is_a_crash_though_the_test_was_content():
    console = "[    0.100000] fine\n[    9.000000] Kernel panic - not syncing: late\n"
    assert judged(GOOD, console=console)[0] == "crash"


def test_killed_test_is_a_fail():
    assert judged(GOOD, status=None, signal=11) == ("fail", "the workload was killed (signal 11)")
