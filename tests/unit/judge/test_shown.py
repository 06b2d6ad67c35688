# SPDX-License-Identifier: GPL-2.0-only
"""Whether an attempt showed its bug: by the bug's own signs, on consoles of guests that really died (tests/corpus)."""

from dataclasses import replace

import pytest
from cases import CORPUS, read
from made_bugs import crash, metric, said

from testbed.judge.evidence import Evidence
from testbed.judge.shown import Shown, shows
from testbed.judge.verdict import Verdict, completion_token, judge

NONCE = "ab"
LEAK = metric("after.left_over.pte > 100")


def phase(pte: int) -> dict:
    return {"left_over": {"pte": pte}, "agree": True}


def ended(pte: int | None = 8, status: int = 0, **more) -> Evidence:
    """What a workload leaves that came to its end."""
    phases = {"after": phase(pte)} if pte is not None else {}
    token = completion_token(NONCE, status, None, len(phases))
    done = {"status": status, "signal": None, "phases": len(phases), "token": token}
    return Evidence(NONCE, more.pop("console", ""), ("after",), done, phases=phases, **more)


def look(signs, evidence: Evidence, report: str = "", output: str = "") -> Shown:
    return shows(signs, evidence, judge(evidence, [], None), report, output)


def died(case: str):
    """Give evidence, verdict and report of a guest of the corpus."""
    evidence, _ = read(CORPUS / case)
    verdict = judge(evidence, [], None)
    return evidence, verdict, "\n".join(verdict.crash.report) if verdict.crash else ""


def test_metric_beyond_its_bound_is_the_bug():
    assert look([LEAK], ended(256)) == Shown(True, "after.left_over.pte 256 > 100")


def test_metric_within_its_bound_is_not_and_the_number_is_told():
    assert look([LEAK], ended(8)) == Shown(False, "after.left_over.pte 8 is not > 100")


def test_all_conditions_of_a_sign_must_hold():
    both = metric("after.left_over.pte > 100", "exit.status >= 1")
    assert look([both], ended(256)).shown is False
    assert look([both], ended(256, status=3)).shown is True


def test_metric_that_was_not_measured_leaves_it_open():
    evidence = replace(ended(8), wanted=())
    found = look([metric("peak.left_over.pte > 100")], evidence)
    assert found == Shown(None, "peak.left_over.pte was not measured")


def test_condition_that_does_not_hold_settles_it_whatever_was_not_measured():
    both = metric("peak.left_over.pte > 100", "after.left_over.pte > 100")
    assert look([both], replace(ended(8), wanted=())).shown is False


def test_any_sign_will_do():
    assert look([crash("kasan"), said("no such line"), LEAK], ended(256)).shown is True


@pytest.mark.parametrize(
    "sign",
    [
        crash("kasan"),
        crash(title="use-after-free"),
        crash("kasan", "use-after-free", r"^Call Trace|lkdtm"),
        said("KASAN: slab-use-after-free"),
    ],
)
def test_crash_is_known_again_by_kind_title_report_or_words(sign):
    evidence, verdict, report = died("kasan-use-after-free+debug")
    found = shows([sign], evidence, verdict, report)
    assert found.shown is True
    assert "use-after-free" in found.sign


@pytest.mark.parametrize(
    "sign", [crash("lockdep"), crash("kasan", "out-of-bounds"), crash("kasan", report="zap_pte_range")]
)
def test_another_crash_is_told_as_such_and_is_not_the_bug(sign):
    evidence, verdict, report = died("kasan-use-after-free+debug")
    found = shows([sign], evidence, verdict, report)
    assert found.shown is False
    assert found.sign == f"another crash: {verdict.reason}"


def test_every_crash_of_the_corpus_is_its_own_sign_and_no_other_kinds():
    cases = [folder.name for folder in CORPUS.iterdir() if folder.is_dir()]
    kinds = {case: died(case)[1].crash for case in cases}
    kinds = {case: found.kind for case, found in kinds.items() if found}
    assert len(set(kinds.values())) >= 15
    for case, kind in kinds.items():
        evidence, verdict, report = died(case)
        assert shows([crash(kind)], evidence, verdict, report).shown is True, case
        others = [crash(other) for other in set(kinds.values()) - {kind}]
        assert shows(others, evidence, verdict, report).shown is False, case


def test_report_is_searched_line_by_line():
    evidence, verdict, report = died("kasan-null+debug")
    last = report.splitlines()[-1]
    assert shows([crash(report=r"\A.*\Z")], evidence, verdict, report).shown is False
    assert shows([crash(report="^decoded frame$")], evidence, verdict, f"{last}\ndecoded frame\n").shown is True


def test_crash_before_a_metric_was_measured_leaves_it_open_and_is_told():
    evidence, verdict, report = died("panic")
    found = shows([LEAK], evidence, verdict, report)
    assert found.shown is None
    assert found.sign == f"another crash: {verdict.reason}; after.left_over.pte was not measured"


def test_metric_that_was_measured_counts_although_the_kernel_warned():
    evidence, _ = read(CORPUS / "warning")
    evidence = replace(evidence, phases={"after": phase(256)})
    assert shows([LEAK], evidence, judge(evidence, [], None)).shown is True


def test_console_of_a_guest_that_lived_shows_no_crash():
    assert look([crash()], ended()) == Shown(False, "no sign of it")


def test_words_are_looked_for_in_reason_output_and_console():
    failed = ended(status=1, words="contents lost: 0x7f00 holds 0")
    assert look([said("contents lost: .* holds 0$")], failed).shown is True
    assert look([said("^lost 3 pages")], ended(), output="begun\nlost 3 pages\n") == Shown(True, "lost 3 pages")
    console = "<6>[    1.000000][   T77] mm: pte table is gone\r\n"
    assert look([said("^mm: pte table is gone$")], ended(console=console)).shown is True
    assert look([said("pte table is gone")], ended(console="all is well")).shown is False


def test_words_in_a_log_that_was_read_from_memory_count():
    lost = Evidence(NONCE, "", (), loss="the guest fell silent", hung=True, log="<4>[    1.0] mm: stuck in zap")
    assert look([said("stuck in zap")], lost).shown is True


def test_hang_is_another_end_unless_it_is_the_sign():
    hung = Evidence(NONCE, "", (), loss="silent for 20 s; all vCPUs in zap_pte_range", hung=True)
    assert look([crash("kasan")], hung).sign == "another end: hang: silent for 20 s; all vCPUs in zap_pte_range"
    assert look([said("vCPUs in zap_pte_range")], hung).shown is True


def test_failure_of_the_testbed_is_never_the_bug_whatever_its_words():
    broken = Evidence(NONCE, "", (), harness="QEMU was killed")
    assert look([said("QEMU was killed"), LEAK], broken) == Shown(None, "QEMU was killed")


def test_cell_that_could_not_be_judged_is_open_unless_a_sign_was_found():
    no_token = Evidence(NONCE, "", ("after",), phases={"after": phase(256)})
    assert look([LEAK], no_token).shown is True
    assert look([said("no such line")], no_token) == Shown(None, "the guest sent no completion token")
    assert shows([LEAK], ended(256), Verdict("skip", "no source")) == Shown(None, "no source")
