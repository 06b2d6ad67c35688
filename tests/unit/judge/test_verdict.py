# SPDX-License-Identifier: GPL-2.0-only
import dataclasses
import json

import pytest

from testbed.judge.evidence import Evidence
from testbed.judge.signature import Sighting
from testbed.judge.verdict import completion_token, ended_well, judge
from testbed.spec import Gap
from testbed.spec.expectation import parse_expectation

NONCE = "feedbeef"
WANTED = ("start", "peak", "after")


def expectation(text: str):
    return parse_expectation(text, WANTED, "scenario.yaml:9")


def finished(status=0, signal=None, **fields):
    done = {"status": status, "signal": signal, "phases": 3, "oom_kill": 0}
    done["token"] = completion_token(NONCE, status, signal, 3)
    return {**done, **fields}


def evidence(**fields) -> Evidence:
    phases = {name: {"vmpte_kb": size, "agree": True} for name, size in zip(WANTED, (40, 1000, 100), strict=True)}
    return dataclasses.replace(Evidence(NONCE, "[    0.1] fine\n", WANTED, finished(), phases=phases), **fields)


def test_met_expectation_is_a_pass_that_shows_the_numbers():
    verdict = judge(evidence(), [expectation("after.vmpte_kb <= 0.2 * peak.vmpte_kb")], None)
    assert (verdict.kind, verdict.reason) == ("pass", "after.vmpte_kb 100 <= 0.2 * 1000 (peak.vmpte_kb)")


def test_unmet_expectation_is_a_fail():
    verdict = judge(evidence(), [expectation("after.vmpte_kb <= 99")], None)
    assert (verdict.kind, verdict.reason) == ("fail", "after.vmpte_kb 100 is not <= 99")


def test_nothing_expected_is_done_not_pass():
    assert judge(evidence(), [], None).kind == "done"


def test_silence_is_never_a_pass():
    assert judge(evidence(exit=None), [], None).kind == "error"


@pytest.mark.parametrize("token", [None, "", "0" * 16, completion_token("another nonce", 0, None, 3)])
def test_token_of_another_run_is_no_completion(token):
    assert judge(evidence(exit=finished(token=token)), [], None).kind == "error"


def test_panic_after_the_token_is_a_crash():
    console = "[    0.100000] fine\n[    9.000000] Kernel panic - not syncing: late\n"
    verdict = judge(evidence(console=console), [], None)
    assert (verdict.kind, verdict.reason) == ("crash", "panic: Kernel panic - not syncing: late")


def test_silent_guest_is_a_hang_not_a_pass():
    verdict = judge(evidence(exit=None, loss="the guest's agent sent nothing for 20.0 s", hung=True), [], None)
    assert verdict.kind == "hang"


def test_guest_that_powers_off_by_itself_is_a_crash():
    assert judge(evidence(exit=None, loss="the guest shut down by itself (guest-shutdown)"), [], None).kind == "crash"


def test_wrong_contents_are_a_fail_even_if_all_numbers_please():
    verdict = judge(evidence(exit=finished(status=1)), [expectation("after.vmpte_kb <= 200")], None)
    assert (verdict.kind, "exit status 1" in verdict.reason) == ("fail", True)


def test_killed_workload_is_a_fail_unless_the_scenario_says_so():
    killed = finished(status=None, signal=9, oom_kill=1)
    assert "OOM killer" in judge(evidence(exit=killed), [], None).reason
    assert judge(evidence(exit=killed), [], None, may_die=True).kind == "done"


def test_workload_that_a_kernel_must_kill_and_does_not_is_a_fail():
    wanted = [expectation("exit.oom_kill >= 1")]
    killed = finished(status=None, signal=9, oom_kill=1)
    assert judge(evidence(exit=killed, phases={}), wanted, None, may_die=True).kind == "pass"
    verdict = judge(evidence(), wanted, None, may_die=True)
    assert (verdict.kind, verdict.reason) == ("fail", "exit.oom_kill 0 is not >= 1")


def test_oom_kill_names_its_victim_and_its_limit():
    console = (
        "<3>[    4.000000] Memory cgroup out of memory: Killed process 78 (die) total-vm:1kB, anon-rss:0kB, "
        "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:2100kB oom_score_adj:0\n"
    )
    verdict = judge(evidence(exit=finished(status=None, signal=9, oom_kill=1), console=console), [], None)
    killed = "die, limit of its memory cgroup, 2100 kB of page tables"
    assert verdict.reason == f"the workload was killed by the OOM killer (signal 9): {killed}"


def test_oom_kill_of_a_child_is_no_success_of_its_parent():
    verdict = judge(evidence(exit=finished(oom_kill=2)), [], None)
    assert (verdict.kind, verdict.reason.startswith("the OOM killer ended 2 processes")) == ("fail", True)


def test_kernel_that_taints_itself_in_silence_is_a_crash():
    verdict = judge(evidence(exit=finished(tainted=1 << 9)), [], None)
    assert (verdict.kind, "warning (W)" in verdict.reason) == ("crash", True)
    assert judge(evidence(exit=finished(tainted=1 << 9), tainted=1 << 9), [], None).kind == "done"


def test_qemu_that_was_killed_tells_nothing_of_the_guest():
    verdict = judge(evidence(exit=None, harness="QEMU was ended from outside (SIGKILL)"), [], None)
    assert (verdict.kind, verdict.reason) == ("error", "QEMU was ended from outside (SIGKILL)")


def test_panic_before_qemu_was_killed_is_a_crash():
    console = "[    9.000000] Kernel panic - not syncing: x\n"
    assert judge(evidence(exit=None, harness="QEMU was ended from outside", console=console), [], None).kind == "crash"


def test_cell_can_be_judged_again_from_what_it_left():
    lie = Sighting("panic", "Kernel panic - not syncing: lie", 1.0)
    first = evidence(console="<0>[    1.000000] Kernel panic - not syncing: lie\n", refuted=frozenset({lie}))
    again = Evidence.of(json.loads(json.dumps(first.record())), first.console)
    assert judge(again, [], None) == judge(first, [], None)
    assert judge(again, [], None).kind == "done"


def test_phase_that_never_came_is_an_error():
    phases = {"start": {"vmpte_kb": 1, "agree": True}}
    verdict = judge(evidence(phases=phases), [], None)
    assert (verdict.kind, verdict.reason) == ("error", "phase peak never came")


def test_channels_that_disagree_are_an_error():
    phases = {**evidence().phases, "after": {"vmpte_kb": 1, "agree": False, "disagreement": "QMP 8 kB, data 4 kB"}}
    assert "QMP 8 kB" in judge(evidence(phases=phases), [], None).reason


def test_number_that_was_not_measured_is_an_error():
    assert judge(evidence(), [expectation("after.left_over.pte <= 16")], None).kind == "error"


GAP = Gap((expectation("after.vmpte_kb <= 50"),), "tables full of the zeropage", "scenario.yaml:12")


def test_known_gap_is_told_apart_from_pass_and_fail():
    verdict = judge(evidence(), [], GAP)
    assert (verdict.kind, verdict.reason) == (
        "gap",
        "tables full of the zeropage (after.vmpte_kb 100 is not <= 50)",
    )


def test_gap_that_is_closed_is_noticed():
    phases = {**evidence().phases, "after": {"vmpte_kb": 44, "agree": True}}
    verdict = judge(evidence(phases=phases), [], GAP)
    assert (verdict.kind, verdict.reason.startswith("gap closed, take it out of scenario.yaml:12")) == ("fail", True)


LEFT_OVER = "after.left_over.pte <= 16"
NO_CENSUS = "--no-census: nobody looked"


def test_number_that_nobody_was_to_measure_is_skipped_and_says_why():
    verdict = judge(evidence(unexamined=NO_CENSUS), [expectation(LEFT_OVER)], None)
    assert verdict.kind == "skip"
    assert verdict.reason == f"{LEFT_OVER}: after.left_over.pte was not measured ({NO_CENSUS})"


def test_what_was_measured_is_judged_also_where_a_number_was_not_to_be_taken():
    unmet = expectation("after.vmpte_kb <= 99")
    for expectations in ([unmet, expectation(LEFT_OVER)], [expectation(LEFT_OVER), unmet]):
        assert judge(evidence(unexamined=NO_CENSUS), expectations, None).kind == "fail"


def test_gap_whose_number_nobody_was_to_measure_is_no_closed_gap():
    gap = Gap(expectations=(expectation(LEFT_OVER),), reason="not yet", where="scenario.yaml:12")
    assert judge(evidence(unexamined=NO_CENSUS), [], gap).kind == "skip"
    assert judge(evidence(), [], gap).kind == "error"


@pytest.mark.parametrize(
    ("record", "well"),
    [
        ({"verdict": "pass"}, True),
        ({"verdict": "crash"}, False),
        ({"verdict": "crash", "shown": None}, False),
        ({"verdict": "crash", "shown": {"shown": True, "sign": "kasan"}}, True),
        ({"verdict": "crash", "shown": {"shown": False, "sign": "another crash"}}, False),
        ({"verdict": "error", "shown": {"shown": None, "sign": "did not boot"}}, False),
    ],
)
def test_attempt_that_shows_its_bug_ended_well_however_it_ended(record, well):
    assert ended_well(record) is well
